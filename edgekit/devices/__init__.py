"""Runs models on devices: this machine, emulated Pis, and real devices over SSH."""
