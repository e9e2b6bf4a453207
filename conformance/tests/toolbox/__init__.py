"""Tests of the toolbox pack: its catalogue, the detector, and its checks against small twins, right and wrong."""
