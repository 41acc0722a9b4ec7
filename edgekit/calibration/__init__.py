"""The data that int8 is calibrated on: chosen, looked at before it is used, and handed on."""
