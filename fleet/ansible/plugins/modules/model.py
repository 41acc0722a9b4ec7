# Copyright: (c) the edgekit contributors
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the action plugin of the same name, which does all of the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model
short_description: Install a model on a device after it has proved itself there
version_added: "0.1.0"
description:
  - Sends only the bytes that the device does not have yet, and goes on where an interrupted transfer broke off.
  - The device checks the digest, the signature and the structure of the model, and runs its golden examples.
    Only then the model becomes the current version.
  - The device needs edgekit-runtime. It needs no other Python package of Ansible's.
options:
  name:
    description: Name of the installed model.
    type: str
    required: true
  src:
    description: A C(.tflite) file on the controller. Required for O(state=present).
    type: path
  state:
    description:
      - With V(present), the file is the current version afterwards.
      - With V(rolled_back), the version before is current again, if O(digest) is the current one.
    type: str
    choices: [present, rolled_back]
    default: present
  digest:
    description: SHA-256 of the version to leave. Required for O(state=rolled_back).
    type: str
  max_ms:
    description: Longest allowed median time of one prediction in milliseconds.
    type: float
  keep:
    description: Number of versions to keep.
    type: int
    default: 3
  allow_older:
    description: Whether a lower release number than before is accepted.
    type: bool
    default: false
  allow_unproven:
    description: Whether a model without golden examples is accepted.
    type: bool
    default: false
  reload:
    description: Command on the device that makes programs load the new version.
    type: str
    default: ""
  health:
    description: Command on the device; if it fails, the version before becomes current again.
    type: str
    default: ""
  python:
    description: Python on the device. The default is the one of C(edgekit devices setup), else C(python3).
    type: str
    default: ""
attributes:
  check_mode:
    description: Changes nothing and says what would change.
    support: full
  diff_mode:
    description: Shows the digests before and after.
    support: full
author:
  - The edgekit contributors (@edgekit)
"""

EXAMPLES = r"""
- name: Install the model
  edgekit.fleet.model:
    name: digits
    src: model.tflite
"""

RETURN = r"""
digest:
  description: SHA-256 of the current version afterwards.
  type: str
  returned: always
previous:
  description: SHA-256 of the version that was current before; empty if there was none.
  type: str
  returned: if the device answered
interpreter:
  description: Interpreter that proved the model; empty if nothing had to be proved.
  type: str
  returned: success
max_error:
  description: Largest deviation of a golden example.
  type: float
  returned: success
p50_ms:
  description: Median time of one prediction in milliseconds, if it was measured.
  type: float
  returned: success
sent_bytes:
  description: Number of bytes that were sent.
  type: int
  returned: success
next_step:
  description: What the user can do about a failure.
  type: str
  returned: failure
"""
