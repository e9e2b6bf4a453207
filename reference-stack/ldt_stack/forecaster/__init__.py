"""Sample AI service of the twin: forecasts traffic flow, served by the Open Inference Protocol v2."""
