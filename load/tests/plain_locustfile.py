"""The same load as locust offers it by itself: a closed loop of users that wait for their answers."""

from locust import FastHttpUser, constant_pacing, task


class Plain(FastHttpUser):
    wait_time = constant_pacing(0.05)

    @task
    def retrieve(self) -> None:
        self.client.get("/entities/urn:x", name="retrieve")
