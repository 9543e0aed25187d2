import base64
import hashlib
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from netimg.flag import Flag, Severity
from netimg.reporting import write_report
from netimg.reporting.html.page import report_html
from netimg.reporting.pictures import study_pictures
from netimg.study import TracerClass
from tests.make import result as make

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """A page as a reader's browser sees it: balanced tags, texts, attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts, self.headings = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script", "title"} & set(self.open):
            self.texts.append(data)
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data.strip())

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(result, **how):
    how.setdefault("limit_mb", 8.0)
    return report_html(result, study_pictures(result), **how)


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_page_asks_for_nothing_from_anywhere(text, page):
    assert "http://" not in text
    assert "https://" not in text
    assert page.all("link") == []
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")
    assert "connect-src 'none'" in policy
    assert "img-src data: blob:" in policy


def test_only_our_own_script_may_run(text):
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert len(re.findall("<script", text)) == 1


def test_a_hostile_name_is_text_and_nothing_else(text, page):
    assert "Doe, Jane &lt;b&gt;" in text
    assert "Jane <b>" not in text
    assert page.headings[0] == "Doe, Jane <b>"


def test_the_first_screen_holds_the_six_numbers_with_their_marks(page):
    before = page.text.split("Pictures")[0]
    for part in (
        "2026-03-02", "Research use. Not a medical device.", "netimg 0.1.0",
        "model liver-lesions 1.0", "Portal venous phase", "Ga-68 DOTATATE",
        "61 min after injection", "typed by a person: weight_kg", "Liver 1580 mL",
        "both hemilivers", "Longest lesion 46 mm", "L1, segment VII", "20.0",
        "highest modified Krenning 4", "body weight could decide 2 criteria",
    ):  # fmt: skip
        assert part in before, part
    assert {"class": "mark medium", "href": "#doubt-1"}.items() <= next(
        a for a in page.all("a") if a.get("class") == "mark medium"
    ).items()


def test_values_near_a_threshold_show_their_side(page):
    assert "19.97" in page.text
    assert "\u22640.03" not in page.text
    assert "\u22120.03" in page.text


def test_what_is_missing_is_said_in_words(page):
    assert "cannot be judged" in page.text
    assert "missing: body weight" in page.text


def test_every_table_heading_has_a_scope_and_every_picture_words(page):
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    assert all(image["alt"] for image in page.all("img"))
    assert all(int(image["width"]) and int(image["height"]) for image in page.all("img"))


def test_there_is_one_main_heading_and_a_language(page):
    assert len(page.all("h1")) == 1
    assert page.all("html") == [{"lang": "en"}]


def test_ids_are_unique_and_every_inner_link_arrives(page):
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in page.all("a")}
    assert targets <= set(ids)
    named = {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
    assert named <= set(ids)


def test_the_page_is_small(text):
    assert len(text.encode()) < 8e6


def test_files_set_aside_are_listed_with_their_reason(page):
    assert "README.txt is not DICOM." in page.text


def test_files_that_a_person_gave_are_listed_as_used():
    shown = make.result()
    files = (("liver.nii", "used: liver mask"), *shown.study.files)
    given = replace(shown, study=replace(shown.study, files=files))
    text = Page(page_of(given)).text
    used = "Used as a person gave them: liver.nii (liver mask)."
    assert f"40 files in series, 1 set aside. {used}" in text
    none = replace(given, study=replace(given.study, set_aside=()))
    assert "no file was set aside. Used as" in Page(page_of(none)).text


def test_sections_without_data_are_left_out():
    page = Page(page_of(make.result(pet=False, segments=False, lesions=False)))
    assert "Options" not in page.headings
    assert "Segments" not in page.headings
    assert "No lesion was found." in page.text
    assert "none found" in page.text
    bare = Page(page_of(make.pet_only()))
    for heading in ("Lesions", "Segments", "Plans", "Clinical facts used"):
        assert bare.headings.count(heading) == (heading == "Lesions")  # the tile of the six
    assert "L1" not in bare.text


def test_a_pet_without_ct_says_so_in_a_frame_and_shows_its_projection():
    text = page_of(make.pet_only())
    page = Page(text)
    frame = text.split('class="problems"')[1].split("</section>")[0]
    assert "IDX-018 no CT" in frame
    assert "No CT was used." in page.text
    assert "No liver and no lesion masks." in page.text
    assert len(page.all("img")) == 2
    assert "masks given by a person" not in page.text


def test_a_pet_without_suv_has_its_refusal_in_a_frame():
    text = page_of(make.result(possible=False))
    frame = text.split('class="problems"')[1].split("</section>")[0]
    assert "SUV-001 The header holds no body weight. Give it with --weight-kg." in frame


def test_a_high_doubt_is_a_sentence_on_the_first_screen():
    flag = Flag(
        code="liver_cut_fov", severity=Severity.HIGH, sentence="The liver is cut at the top.",
        touches=("liver_volume_ml",),
    )  # fmt: skip
    result = make.result()
    text = page_of(replace(result, flags=(*result.flags, flag)))
    frame = text.split('class="problems"')[1].split("</section>")[0]
    assert "The liver is cut at the top." in frame
    assert 'class="mark high" href="#doubt-1"' in text


def test_pictures_shrink_until_the_page_is_small_enough():
    result = make.result()
    large = page_of(result)
    limit_mb = len(large.encode()) / 1e6 * 0.95
    assert len(page_of(result, limit_mb=limit_mb).encode()) <= limit_mb * 1e6


def test_thumbnails_of_two_pets_say_which_they_are(text, shown):
    label = '<span class="quiet">{}</span></span>'
    assert label.format("SSTR") not in text  # of one PET there is nothing to tell apart
    (sstr,) = shown.study.pets
    fdg = replace(sstr, number=3, tracer="fdg_f18", tracer_class=TracerClass.FDG)
    both = page_of(replace(shown, study=replace(shown.study, pets=(sstr, fdg))))
    assert label.format("SSTR") in both
    assert label.format("FDG") in both


def test_the_same_result_gives_the_same_page(text, shown):
    assert page_of(shown) == text


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 1280])
def test_a_browser_shows_it_without_an_error_and_without_a_sideways_scroll(tmp_path, shown, width):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium (make system)")
    out = write_report(shown, tmp_path / "out", outputs=["html"])
    # A copy that reports on itself: the policy would keep a second script from running.
    text = (out / "report.html").read_text("utf-8")
    probe = (
        "<script>document.title = [document.documentElement.scrollWidth <= innerWidth, "
        "document.querySelectorAll('thead button').length > 3].join()</script></body>"
    )
    loose = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", text)
    (out / "probe.html").write_text(loose.replace("</body>", probe), "utf-8")
    for name, expected in (("report.html", "Doe, Jane"), ("probe.html", "true,true")):
        seen = subprocess.run(  # a program found on the path, our own file
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", f"--user-data-dir={tmp_path / name}",
                f"--window-size={width},900",
                "--enable-logging=stderr", "--dump-dom", f"file://{out / name}",
            ],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        title = re.search(r"<title>(.*?)</title>", seen.stdout, re.DOTALL).group(1)
        assert expected in title
        assert "CONSOLE" not in seen.stderr
