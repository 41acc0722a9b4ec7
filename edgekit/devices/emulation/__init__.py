"""Emulates Raspberry Pis: Debian's packages and published wheels, run by qemu-user."""
