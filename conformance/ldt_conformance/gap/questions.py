"""The questions of a gap analysis, one a layer, from the bottom layer to the top.

The six questions are quoted from CitCom.ai's page "Local Digital Twins" (https://citcomai-hub.github.io); why each one
matters and what answering it gives are in our own words. The seventh, on services, is ours: the picture of the EU LDT
Toolbox has that layer, the page asks nothing about it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ldt_conformance.engine.verdicts import Layer

SOURCE = "CitCom.ai, “Local Digital Twins: towards AI-ready and interoperable LDTs”"


@dataclass(frozen=True, slots=True)
class Question:
    """One layer's question.

    Attributes:
        text: As the page asks it, or as we do where it does not.
        quoted: Whether the text is the page's.
        why: Why a city should care.
        outcome: What the city has once it is answered.
    """

    layer: Layer
    text: str
    quoted: bool
    why: str
    outcome: str


QUESTIONS: tuple[Question, ...] = (
    Question(
        Layer.DATA_SOURCES,
        "What data sources do we have and in which formats?",
        True,
        "Everything above stands on this. A service can only be moved to another city if that city's sensors, "
        "registers and files say the same things in ways that can be translated, and nobody can translate what is "
        "not listed.",
        "A list of sources with owner, format, unit and rhythm: the ground for mapping each of them to a shared "
        "data model.",
    ),
    Question(
        Layer.DATA_ACQUISITION,
        "How do you retrieve, store and publish data?",
        True,
        "The same figures can be live, archived or locked in a folder. Who may fetch them, how far back they reach"
        " and whether anybody can find them decides what others can build.",
        "A picture of each data set's way from its source to its readers, and of the places where that way ends "
        "too early.",
    ),
    Question(
        Layer.INTEROPERABILITY,
        "What standards in terms of interoperability are you already supporting?",
        True,
        "An interface that follows a standard is read by software that already exists; every other one has to be "
        "programmed against, city by city. CitCom.ai's levels 0, 1 and 2 are decided here.",
        "The level that the twin reaches today, measured at its interfaces, and what separates it from the next "
        "one.",
    ),
    Question(
        Layer.KNOWLEDGE,
        "Elaborate whether you use or plan to use AI in your LDT. If yes, what kind of AI (LLMs, predictive "
        "models, classifiers etc.) and for what purpose?",
        True,
        "A forecast is only as good as people's means to tell it from a measurement, to know which model made it, "
        "and to ask that model again. 'We use no AI' is a full answer too.",
        "A list of models with purpose and owner, reachable by a common interface, whose results are marked as "
        "what they are.",
    ),
    Question(
        Layer.ORCHESTRATION,
        "What data pipelines are you currently using between the different layers of your LDT?",
        True,
        "Pipelines are where a twin breaks unseen: a step that stops leaves old data looking fresh. What is "
        "written down can be watched, repeated and handed over.",
        "A map of how data travels between the layers, with the engine behind each step, and the layers nothing "
        "flows to.",
    ),
    Question(
        Layer.SERVICES,
        "Which city services are built on the twin, and in which domains?",
        False,
        "Services are what citizens and departments notice, and the reason to keep the layers below alive. They "
        "show which data must not fail.",
        "Services with their domain and the data that they use: where two cities could share one.",
    ),
    Question(
        Layer.VISUALIZATION,
        "What kind of visualizations is your LDT supporting?",
        True,
        "It is the part that people meet. They should see what is measured and what is forecast, how old it is and"
        " who supplied it, on their own device.",
        "A list of views, what each is made of, and whether its layers can be loaded into somebody else's map.",
    ),
)  # fmt: skip
