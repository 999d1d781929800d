"""All faults: those of the transport under the toy's step, and those of the whole stream."""

from __future__ import annotations

from typing import Final

from tests.faults.stream.fault import StreamFault
from tests.faults.stream.table import STREAM
from tests.faults.transport.fault import Fault
from tests.faults.transport.table import TRANSPORT

FAULTS: Final[tuple[Fault | StreamFault, ...]] = (*TRANSPORT, *STREAM)
BY_NAME: Final = {fault.name: fault for fault in FAULTS}
