"""The tiny files that `netimg doctor` decodes: ``python -m tests.make.doctor_frames``.

One DICOM file of 16 x 16 pixels per transfer syntax that is read, and the samples that must come
out of them. What is coded without loss holds `picture`. The two lossy JPEG processes hold blocks
of one value each, which every decoder makes the same of; JPEG-LS near-lossless is exact by its
standard; JPEG 2000 and HTJ2K of the lossy syntaxes are coded reversibly, which those allow.
"""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from netimg import doctor
from tests.make.codecs import ENCODERS, JPEG
from tests.make.dicom import CT, uid

FOLDER = Path(doctor.__file__).parent / "frames"
SIDE = 16
NATIVE = {
    "1.2.840.10008.1.2": "implicit little endian",
    "1.2.840.10008.1.2.1": "explicit little endian",
    "1.2.840.10008.1.2.1.99": "deflated",
    "1.2.840.10008.1.2.2": "big endian",
}
LOSSY = {
    f"{JPEG}50": "JPEG baseline, 8 bit",
    f"{JPEG}51": "JPEG extended, 12 bit",
}
NEAR = 2


def picture():
    """Stored values of the lossless files, signed 16 bit."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return ((x * 97 + y * y * 41) % 4096 - 1024).astype("<i2")


def near_picture():
    """Stored values of the near-lossless file, unsigned."""
    return (picture().astype(int) + 1024).astype("<u2")


def blocks(step):
    """Four blocks of one value each, as JPEG transforms them."""
    y, x = np.mgrid[:SIDE, :SIDE] // 8
    return 30 + step * (2 * y + x)


def frames():
    """Yield transfer syntax, name, stored values, bits and the codestream (None: not packed)."""
    for syntax, name in NATIVE.items():
        yield syntax, name, picture(), 16, None
    for name, (syntax, encode) in ENCODERS.items():
        if syntax != f"{JPEG}81":
            yield syntax, name, picture(), 16, encode(picture().view("<u2"))
    stream = bytes(imagecodecs.jpegls_encode(near_picture(), NEAR))
    yield f"{JPEG}81", "JPEG-LS, near", imagecodecs.jpegls_decode(stream), 16, stream
    eight = blocks(60).astype("u1")
    yield f"{JPEG}50", LOSSY[f"{JPEG}50"], eight, 8, bytes(imagecodecs.jpeg8_encode(eight, 100))
    twelve = blocks(1200).astype("<u2")
    stream = bytes(imagecodecs.jpeg8_encode(twelve, 100, bitspersample=12))
    yield f"{JPEG}51", LOSSY[f"{JPEG}51"], twelve, 12, stream


def dataset(syntax, values, bits, stream):
    """One CT slice with nothing but what a reader needs."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = CT
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = uid("doctor", syntax)
    file.StudyInstanceUID, file.SeriesInstanceUID = uid("doctor"), uid("doctor", "series")
    file.Modality = "CT"
    file.Rows, file.Columns = values.shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated = 8 * values.dtype.itemsize
    file.BitsStored, file.HighBit = bits, bits - 1
    file.PixelRepresentation = int(values.dtype.kind == "i")
    if stream is None:
        order = ">" if syntax == "1.2.840.10008.1.2.2" else "<"
        file.PixelData = values.astype(f"{order}i2").tobytes()
    else:
        file.PixelData = encapsulate([stream])
    file["PixelData"].VR = "OW" if stream is None else "OB"
    file["PixelData"].is_undefined_length = stream is not None
    return file


def main(folder=FOLDER):
    """Write every frame, its answer, and the list of them."""
    folder.mkdir(exist_ok=True)
    lines = ["# What `netimg doctor` decodes, and what must come out: written by",
             "# `python -m tests.make.doctor_frames`. Samples are little endian."]  # fmt: skip
    answers = {}
    for syntax, name, values, bits, stream in frames():
        file = f"{syntax.removeprefix('1.2.840.10008.1.')}.dcm"
        pydicom.dcmwrite(folder / file, dataset(syntax, values, bits, stream),
                         enforce_file_format=True)  # fmt: skip
        samples = values.astype(values.dtype.newbyteorder("<")).tobytes()
        answer = answers.setdefault(samples, f"answer-{len(answers) + 1}.raw")
        (folder / answer).write_bytes(samples)
        lines += ["", "[[frame]]", f'syntax = "{syntax}"', f'name = "{name}"', f'file = "{file}"',
                  f'answer = "{answer}"']  # fmt: skip
    (folder / "frames.toml").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
