"""A codec worker may crash, hang, lie or run out of memory: one picture is lost, nothing else."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from netimg.errors import InputError
from netimg.reading.decode import Frame, decode_frame, decode_frames
from netimg.reading.decode import worker as child
from netimg.reading.decode.pool import Pool, process_pool
from netimg.reading.pixel_format import PixelFormat
from netimg.settings import Settings
from tests.make.codecs import ENCODERS, JPEG, jpeg_2000, lossless_jpeg, pack
from tests.make.dicom import ct_series

PICTURES = np.random.default_rng(3).integers(0, 4096, size=(6, 12, 15), dtype=np.uint16)
SHIPPED = Settings.shipped()

BEGIN = f"""
import fcntl, os, signal, struct, sys, time
sys.path.insert(0, {str(Path(child.__file__).parent)!r})
import worker
count, block, memory, seconds = sys.argv[1], *map(int, sys.argv[2:5])
requests, answers = sys.stdin.buffer, sys.stdout.buffer

def number():
    "How many requests all workers of this test have had."
    with open(count, "ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0, os.SEEK_END)
        file.write(b".")
        file.flush()
        return file.tell()

def answer(magic=worker.MAGIC, status=worker.Status.DECODED, checksum=0):
    answers.write(worker.ANSWER.pack(magic, status, checksum))
    answers.flush()

def take():
    codec, rows, columns, itemsize, length = worker.REQUEST.unpack(requests.read(24))
    requests.read(length)
    return rows * columns * itemsize

def serve_with(accident):
    "The real worker, with an accident before some of its pictures."
    decode = worker._picture
    def picture(*a):
        accident()
        return decode(*a)
    worker._picture = picture
    worker.serve(block, memory_bytes=memory, seconds=seconds)
"""


POOLS = []


@pytest.fixture(autouse=True)
def _no_worker_outlives_its_test():
    yield
    while POOLS:
        POOLS.pop().close()


def bad_pool(folder, body):
    """Pool whose workers run ``body`` in place of the real one; closed after the test."""
    script = folder / "bad_worker.py"
    script.write_text(BEGIN + textwrap.dedent(body))
    pool = Pool((sys.executable, "-P", str(script), str(folder / "count")))
    POOLS.append(pool)
    return pool


def frame(picture, *, syntax=f"{JPEG}90", encode=jpeg_2000, name="IM1"):
    rows, columns = picture.shape
    pixels = PixelFormat(
        rows=rows, columns=columns, samples=1, photometric="MONOCHROME2", bits_allocated=16,
        bits_stored=16, high_bit=15, signed=False, syntax=syntax, tag=0x7FE00010, offset=0,
        length=0, encapsulated=True,
    )  # fmt: skip
    return Frame(name, pixels, encode(picture))


def frames():
    return [frame(p, name=f"IM{n}") for n, p in enumerate(PICTURES, start=1)]


def settings(**limits):
    values = {f"limits.{key}": value for key, value in limits.items()}
    return SHIPPED.with_values(values | {"resources.threads": 1}, layer="test")


def refused(pool, limits=None, what=None):
    with pytest.raises(InputError) as caught:
        list(decode_frames(what or frames()[:1], limits or settings(), pool=pool))
    pool.close()
    assert caught.value.code.id == "PIX-003"
    return caught.value.what


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_pictures_come_back_in_order_whatever_the_number_of_workers(workers):
    names = list(ENCODERS) * 2
    many = [
        frame(PICTURES[n % 6], syntax=ENCODERS[name][0], encode=ENCODERS[name][1])
        for n, name in enumerate(names)
    ]
    limits = SHIPPED.with_values({"resources.threads": workers}, layer="test")
    got = list(decode_frames(iter(many), limits))
    assert len(got) == len(names)
    assert all(np.array_equal(one, PICTURES[n % 6]) for n, one in enumerate(got))


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT"])
def test_a_crash_is_told_by_its_signal_after_a_second_try(tmp_path, name):
    accident = f"serve_with(lambda: number() and os.kill(os.getpid(), signal.{name}))"
    pool = bad_pool(tmp_path, accident)
    assert f"IM1 could not be decoded (its decoder crashed, {name})" in refused(pool)
    assert (tmp_path / "count").stat().st_size == 2


def test_a_picture_that_a_crash_took_is_decoded_at_the_second_try(tmp_path):
    accident = "serve_with(lambda: number() == 3 and os.kill(os.getpid(), signal.SIGSEGV))"
    pool = bad_pool(tmp_path, accident)
    for threads in (1, 3):
        (tmp_path / "count").unlink(missing_ok=True)
        limits = SHIPPED.with_values({"resources.threads": threads}, layer="test")
        got = list(decode_frames(frames(), limits, pool=pool))
        assert np.array_equal(got, PICTURES)
        assert (tmp_path / "count").stat().st_size == len(PICTURES) + 1
    pool.close()


def test_the_third_crash_of_a_series_ends_it(tmp_path):
    every_first_try = "serve_with(lambda: number() % 2 and os.kill(os.getpid(), signal.SIGSEGV))"
    what = refused(bad_pool(tmp_path, every_first_try), what=frames())
    assert "IM3" in what
    assert "SIGSEGV, as 2 others of its series did" in what
    assert (tmp_path / "count").stat().st_size == 5


@pytest.mark.slow
def test_a_picture_that_takes_too_long_is_given_up(tmp_path):
    began = time.monotonic()
    pool = bad_pool(tmp_path, "serve_with(lambda: [None for _ in iter(int, 1)])")
    assert "took longer than 1 s" in refused(pool, settings(decode_frame_s=1))
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_a_worker_that_stops_reading_is_given_up(tmp_path):
    pool = bad_pool(tmp_path, "answer(status=worker.Status.READY)\ntime.sleep(60)")
    comment = b"\xff\xfe\xff\xff" + b" " * 65533
    small = frame(PICTURES[0], syntax=f"{JPEG}70", encode=lossless_jpeg)
    codestream = small.codestream[:2] + 40 * comment + small.codestream[2:]  # more than pipes hold
    large = Frame("IM1", small.pixels, codestream)
    assert np.array_equal(decode_frame(large, settings()), PICTURES[0])
    assert "took longer than 1 s" in refused(pool, settings(decode_frame_s=1), [large])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("take()\nsys.exit(0)", "ended without an answer"),
        ("take()\nsys.exit(3)", "ended without an answer"),
        ("take()\nanswer(magic=b'\\x80\\x04. ')\ntime.sleep(60)", "answered nonsense"),
        ("take()\nanswer(status=77)\ntime.sleep(60)", "answered nonsense"),
        ("take()\nanswer(checksum=1)\ntime.sleep(60)", "answered nonsense"),
        ("os.ftruncate(block, 0) or take()\nos.ftruncate(block, 7)\nanswer()\ntime.sleep(60)",
         "answered nonsense"),
        ("take()\nanswers.write(b'nimg')\nanswers.flush()\nsys.exit(0)", "without an answer"),
        ("take()\nanswer(status=worker.Status.NO_MEMORY)\ntime.sleep(60)",
         "needed more than 1.1 GB"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_right_is_not_believed(tmp_path, body, says):
    pool = bad_pool(tmp_path, f"answer(status=worker.Status.READY)\n{body}")
    assert says in refused(pool)


def test_a_worker_that_does_not_start_is_told(tmp_path):
    assert "did not start" in refused(bad_pool(tmp_path, "sys.exit(1)"))
    assert "did not start" in refused(Pool((str(tmp_path / "nothing"),)))


def test_a_codec_that_refuses_a_picture_costs_no_worker():
    list(decode_frames(frames()[:1], settings()))
    before = [worker.pid for worker in process_pool()._idle]
    whole = frame(PICTURES[0], syntax=f"{JPEG}80", encode=ENCODERS["JPEG-LS"][1])
    cut = Frame("cut", whole.pixels, whole.codestream[:-40] + b"\xff\xd9")
    with pytest.raises(InputError, match=r"cut could not be decoded \(its decoder refused it\)"):
        decode_frame(cut, settings())
    assert [worker.pid for worker in process_pool()._idle] == before


def test_a_worker_has_given_up_what_it_does_not_need():
    list(decode_frames(frames()[:1], settings()))
    (worker, *_) = process_pool()._idle
    proc = Path("/proc") / str(worker.pid)
    if not proc.is_dir():
        pytest.skip("needs /proc")
    limits = (proc / "limits").read_text()
    picture = worker.frame_bytes
    (space,) = [line for line in limits.splitlines() if line.startswith("Max address space")]
    assert int(space.split()[3]) == int(space.split()[4]) == (1 << 30) + 4 * picture
    for what, most in (("Max core file size", "0"), ("Max open files", "64")):
        (line,) = [line for line in limits.splitlines() if line.startswith(what)]
        assert line.removeprefix(what).split()[:2] == [most, most]
    assert "NoNewPrivs:\t1" in (proc / "status").read_text()
    assert len(list((proc / "fd").iterdir())) == 4  # its two pipes, no voice, the block
    niceness = int((proc / "stat").read_text().rsplit(")", 1)[1].split()[16])
    assert niceness == min(os.nice(0) + 5, 19)


def test_memory_beyond_the_limit_is_refused_by_the_system_not_taken(tmp_path):
    pool = bad_pool(tmp_path, "serve_with(lambda: bytearray(2 << 30))")
    assert "needed more than 1.1 GB" in refused(pool)


def bend_stream(stream, rng):
    """A few bytes changed, dropped or put in."""
    bent = bytearray(stream)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(0, len(bent)))
        kind = rng.integers(0, 3)
        if kind == 0:
            bent[at] = int(rng.integers(0, 256))
        elif kind == 1 and len(bent) > 100:
            del bent[at : at + int(rng.integers(1, 50))]
        else:
            bent[at:at] = rng.bytes(int(rng.integers(1, 20)))
    return bytes(bent)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_bent_stream_ends_in_a_picture_or_a_refusal(name):
    rng = np.random.default_rng(list(ENCODERS).index(name))
    syntax, encode = ENCODERS[name]
    whole = frame(PICTURES[0], syntax=syntax, encode=encode)
    for _ in range(40):
        bent = Frame("IM1", whole.pixels, bend_stream(whole.codestream, rng))
        try:
            got = decode_frame(bent, settings())
        except InputError as error:
            assert error.code.id in ("PIX-003", "PIX-004")  # noqa: PT017  # either is right
        else:
            assert (got.shape, got.dtype) == (PICTURES[0].shape, np.uint16)


def test_the_openjpeg_inside_is_none_of_those_that_write_past_their_memory():
    text = imagecodecs.jpeg2k_version()
    version = tuple(int(part) for part in text.split()[-1].split("."))
    assert not (2, 5, 1) <= version <= (2, 5, 3), f"{text}: CVE-2025-54874"


@pytest.mark.slow
def test_no_codec_enters_the_main_process(tmp_path):
    for path in ct_series(tmp_path):
        pack(path, f"{JPEG}90", jpeg_2000)
    body = f"""
        import sys
        from netimg.reading import open_study
        open_study({str(tmp_path)!r}).ct.load()
        print(sorted(name for name in sys.modules if "imagecodecs" in name or "gdcm" in name))
    """
    command = [sys.executable, "-c", textwrap.dedent(body)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def decode_in_a_daemon(queue):
    queue.put(np.array_equal(list(decode_frames(frames(), SHIPPED)), PICTURES))


@pytest.mark.slow
def test_pictures_are_decoded_inside_a_worker_of_a_batch_too():
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=decode_in_a_daemon, args=(queue,), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert queue.get() is True


PROGRAM = """
import os, sys, time
from tests.reading.test_decode_pool import PICTURES, SHIPPED, decode_frames, frames, process_pool
import numpy as np
def check():
    assert np.array_equal(list(decode_frames(frames(), SHIPPED)), PICTURES)
    return {worker.pid for worker in process_pool()._idle}
"""


def program(body, **options):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", PROGRAM + textwrap.dedent(body)]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, **options)


@pytest.mark.slow
def test_a_fork_has_workers_of_its_own():
    body = """
    mine = check()
    child = os.fork()
    if child == 0:
        ok = not process_pool()._idle and not (check() & mine)
        process_pool().close()
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert check() == mine
    print("well")
    """
    with program(body) as process:
        assert process.communicate(timeout=60)[0] == "well\n"
    assert process.returncode == 0


@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them():
    with program("print(*check(), flush=True)\ntime.sleep(60)") as process:
        pids = [int(text) for text in process.stdout.readline().split()]
        assert pids
        os.kill(process.pid, signal.SIGKILL)
    for _ in range(100):
        if not any(running(pid) for pid in pids):
            break
        time.sleep(0.1)
    assert not any(running(pid) for pid in pids)


def running(pid):
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
