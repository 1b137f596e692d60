"""Running a SavedModel through TensorFlow's C API: the loader that model servers use.

`tf.saved_model.load` accepts exports that the session loader refuses, so exports are checked
here, with `ctypes` and the shared library of the TensorFlow wheel, in a process that never
imports Python's TensorFlow:

    python -m advrec_tf.serving.c_api --model DIR --signature NAME --inputs '{"user_id": ["1"]}'

Which answers are right is left to the cases of a `module.ServedModule`.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence

import numpy as np

from advrec_tf.serving.c_library import (
    DTYPES,
    POINTER,
    SIZE_OF_STRING,
    STRING,
    Output,
    load_library,
    text_op_libraries,
)
from advrec_tf.serving.meta_graph import read_signatures


class CApiError(RuntimeError):
    """A status other than OK; `code` is the TF_Code (3 is INVALID_ARGUMENT)."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


class SavedModelSession:
    """A SavedModel loaded by the session loader; a context manager.

    Args:
        directory: of one version.
        op_libraries: shared libraries of custom operations, such as `text_op_libraries()`.

    Attributes:
        signatures: by name, with the tensors behind inputs and outputs.

    Raises:
        FileNotFoundError: if the C library is not installed.
        CApiError: if the model does not load.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        *,
        tags: Sequence[str] = ("serve",),
        op_libraries: Sequence[str | os.PathLike] = (),
    ):
        self._library = library = load_library(op_libraries)
        self._session = None
        self._status = library.TF_NewStatus()
        self._graph = library.TF_NewGraph()
        self._plans = {}
        options, meta_graph = library.TF_NewSessionOptions(), library.TF_NewBuffer()
        encoded = [tag.encode() for tag in tags]
        try:
            self._session = library.TF_LoadSessionFromSavedModel(
                *[options, None, os.fsencode(directory)],
                *[(ctypes.c_char_p * len(encoded))(*encoded), len(encoded)],
                *[self._graph, meta_graph, self._status],
            )
            self._raise_for_status()
            content = ctypes.string_at(meta_graph.contents.data, meta_graph.contents.length)
        except BaseException:
            self.close()
            raise
        finally:
            library.TF_DeleteBuffer(meta_graph)
            library.TF_DeleteSessionOptions(options)
        self.signatures = read_signatures(content)

    def __enter__(self) -> SavedModelSession:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Free the session; a second call does nothing."""
        if self._session:
            self._library.TF_CloseSession(self._session, self._status)
            self._library.TF_DeleteSession(self._session, self._status)
        if self._graph:
            self._library.TF_DeleteGraph(self._graph)
            self._library.TF_DeleteStatus(self._status)
        self._session = self._graph = self._status = None

    def run(self, signature: str, inputs: Mapping) -> dict[str, np.ndarray]:
        """Values or nested lists by input name -> arrays by output name; strings as `str`.

        Raises:
            ValueError: if the signature is unknown, the names of the inputs are not its own,
                or a value does not fit its dtype.
            CApiError: if the graph refuses or fails.
        """
        if not self._session:
            raise ValueError("The session is closed.")
        fed_at, fetched_at, dtypes, names = self._plan(signature)
        if set(inputs) != set(dtypes):
            raise ValueError(
                f"`inputs` of {signature!r} should be {sorted(dtypes)}. Received: {sorted(inputs)}."
            )
        arrays = [_as_array(inputs[name], dtype, name) for name, dtype in dtypes.items()]
        fed = (POINTER * len(arrays))()
        fetched = (POINTER * len(names))()
        try:
            for i, (array, dtype) in enumerate(zip(arrays, dtypes.values())):
                fed[i] = self._new_tensor(array, dtype)
            self._library.TF_SessionRun(
                *[self._session, None],
                *[fed_at, fed, len(fed)],
                *[fetched_at, fetched, len(fetched)],
                *[None, 0, None, self._status],
            )
            self._raise_for_status()
            return {name: self._read(tensor) for name, tensor in zip(names, fetched)}
        finally:
            for tensor in fetched:
                if tensor:
                    self._library.TF_DeleteTensor(tensor)
            for tensor, array in zip(fed, arrays):
                if tensor:
                    self._delete_fed(tensor, array)

    def _plan(self, name: str):
        """Fed and fetched places of a signature, its input dtypes and output names; cached."""
        if name not in self._plans:
            if name not in self.signatures:
                raise ValueError(
                    f"`signature` should be one of {sorted(self.signatures)}. Received: {name!r}."
                )
            signature = self.signatures[name]
            self._plans[name] = (
                self._places(signature.inputs.values()),
                self._places(signature.outputs.values()),
                {key: info.dtype for key, info in signature.inputs.items()},
                list(signature.outputs),
            )
        return self._plans[name]

    def _places(self, infos) -> ctypes.Array:
        places = []
        for info in infos:
            operation, _, index = info.name.partition(":")
            pointer = self._library.TF_GraphOperationByName(self._graph, operation.encode())
            if not pointer:
                raise ValueError(f"The graph has no operation {operation!r} of its signature.")
            places.append(Output(pointer, int(index or 0)))
        return (Output * len(places))(*places)

    def _raise_for_status(self) -> None:
        code = self._library.TF_GetCode(self._status)
        if code:
            message = self._library.TF_Message(self._status).decode("utf-8", "replace")
            raise CApiError(code, message)

    def _new_tensor(self, array: np.ndarray, dtype: int) -> int:
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        width = SIZE_OF_STRING if dtype == STRING else array.itemsize
        tensor = self._library.TF_AllocateTensor(dtype, dims, array.ndim, array.size * width)
        data = self._library.TF_TensorData(tensor)
        if dtype == STRING:
            for i, text in enumerate(array.flat):
                place = data + i * SIZE_OF_STRING
                self._library.TF_StringInit(place)
                self._library.TF_StringCopy(place, text, len(text))
        elif array.size:
            ctypes.memmove(data, array.ctypes.data, array.nbytes)
        return tensor

    def _delete_fed(self, tensor: int, array: np.ndarray) -> None:
        if array.dtype == object:  # a tensor we allocated does not free its strings itself
            data = self._library.TF_TensorData(tensor)
            for i in range(array.size):
                self._library.TF_StringDealloc(data + i * SIZE_OF_STRING)
        self._library.TF_DeleteTensor(tensor)

    def _read(self, tensor: int) -> np.ndarray:
        library = self._library
        code = library.TF_TensorType(tensor)
        if code not in DTYPES:
            raise ValueError(f"An output has DataType {code}; known are {sorted(DTYPES)}.")
        shape = tuple(library.TF_Dim(tensor, i) for i in range(library.TF_NumDims(tensor)))
        array = np.empty(shape, DTYPES[code])
        data = library.TF_TensorData(tensor)
        if code == STRING:
            for i in range(array.size):
                place = data + i * SIZE_OF_STRING
                start, size = (
                    library.TF_StringGetDataPointer(place),
                    library.TF_StringGetSize(place),
                )
                array.flat[i] = ctypes.string_at(start, size).decode("utf-8") if size else ""
        elif array.size:
            ctypes.memmove(array.ctypes.data, data, array.nbytes)
        return array


def _as_array(value, dtype: int, name: str) -> np.ndarray:
    """A contiguous array of the signature's dtype; strings as an object array of bytes."""
    if dtype not in DTYPES:
        raise ValueError(f"`{name}` has DataType {dtype}; known are {sorted(DTYPES)}.")
    if dtype == STRING:
        array = np.array(value, dtype=object)
        for i, text in enumerate(array.flat):
            if not isinstance(text, (str, bytes)):
                raise ValueError(f"`{name}` should hold strings. Received: {text!r}.")
            array.flat[i] = text.encode() if isinstance(text, str) else bytes(text)
        return array
    given = np.asarray(value)
    array = given.astype(DTYPES[dtype], order="C")
    exact = array.dtype.kind == "f" or np.array_equal(array, given)
    if given.size and (given.dtype.kind not in "biuf" or not exact):
        raise ValueError(f"`{name}` should hold {array.dtype} values. Received: {value!r}.")
    return array


# The command line.


def run_calls(
    model: str | os.PathLike,
    calls: Sequence[Mapping],
    op_libraries: Sequence[str | os.PathLike] = (),
) -> dict:
    """Load `model` and make each call {signature, inputs[, repeat]}.

    Returns:
        `load_seconds` and, per call, `seconds` (median of the repeats) with either `outputs`
        (nested lists) or `error` ({code, message}).
    """
    start = time.perf_counter()
    results = []
    with SavedModelSession(model, op_libraries=op_libraries) as session:
        load_seconds = time.perf_counter() - start
        for call in calls:
            seconds = []
            try:
                for _ in range(call.get("repeat", 1)):
                    start = time.perf_counter()
                    outputs = session.run(call["signature"], call["inputs"])
                    seconds.append(time.perf_counter() - start)
                result = {"outputs": {name: value.tolist() for name, value in outputs.items()}}
            except CApiError as error:
                result = {"error": {"code": error.code, "message": str(error)}}
            results.append({"seconds": statistics.median(seconds or [0.0]), **result})
    return {"load_seconds": load_seconds, "results": results}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="advrec_tf.serving.c_api", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", required=True, help="folder of one version")
    parser.add_argument("--signature", default="serving_default")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--inputs", help="JSON object, or - to read it from standard input")
    given.add_argument(
        "--calls", help="JSON list of {signature, inputs[, repeat]}, or -; answers in one object"
    )
    parser.add_argument(
        "--text-ops", action="store_true", help="load the operations of TensorFlow Text first"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    libraries = text_op_libraries() if args.text_ops else ()
    text = args.inputs if args.calls is None else args.calls
    value = json.loads(sys.stdin.read() if text == "-" else text)
    try:
        if args.calls is None:
            with SavedModelSession(args.model, op_libraries=libraries) as session:
                outputs = session.run(args.signature, value)
            answer = {name: array.tolist() for name, array in outputs.items()}
        else:
            answer = run_calls(args.model, value, libraries)
    except CApiError as error:
        raise SystemExit(f"CApiError {error.code}: {error}") from error
    if "tensorflow" in sys.modules:
        raise RuntimeError("Python's TensorFlow was imported; the check would prove nothing.")
    json.dump(answer, sys.stdout)
    print()


if __name__ == "__main__":
    main()
