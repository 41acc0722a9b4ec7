"""Raspberry Pis that are emulated: Debian's own packages and the published wheels, run by qemu-user."""
