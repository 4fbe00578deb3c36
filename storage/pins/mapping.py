"""Files of a version mapped into memory: each is as long and as sound as it says, or refused."""

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def mapped_array(path: Path) -> "NDArray[Any]":
    """The array of an .npy file, read-only and in the page cache.

    Raises:
        OSError, ValueError: It cannot be read, or is shorter than its header says.
    """
    try:
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except (OverflowError, SyntaxError, TokenError) as error:
        # numpy reads the header as Python.
        raise ValueError(str(error)) from error


def mapped_batch(path: Path) -> "tuple[pa.MemoryMappedFile, pa.RecordBatch]":
    """The one batch of an Arrow IPC file, checked to its last offset, and the open file.

    A table without rows is written without a batch; it is an empty one here.

    Raises:
        OSError, ValueError: It cannot be read, or holds what is no batch.
    """
    try:
        source = pa.memory_map(str(path))
        file = pa.ipc.open_file(source)
        batch = file.get_batch(0) if file.num_record_batches else pa.RecordBatch.from_pylist([], file.schema)
        # Arrow follows offsets without looking, and hands out text that is none.
        batch.validate(full=True)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    return source, batch
