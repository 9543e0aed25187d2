import math

import numpy as np
import pytest

from netimg.phantoms import ct_physics, pet_physics
from netimg.phantoms.render import axial_grid
from netimg.resources import load_toml

GRID = axial_grid((-40, -40, -40), (40, 40, 40), (2.0, 2.0, 2.0))
TABLE = load_toml("configs", "phantoms", "net-phantom.toml")["pet"]
GALLIUM = pet_physics.Injection.from_table(TABLE["sstr"])


def test_the_activity_of_suv_one_is_the_decayed_dose_over_the_weight():
    # 185 MBq, 3600 s of 4062.6 s half-life, 80 kg: 185e6 * 2^(-0.88613) / 80000 = 1251.21 Bq/mL.
    assert GALLIUM.bqml_per_suv(80.0) == pytest.approx(1251.21, abs=0.005)


def test_the_mean_count_time_of_a_frame_is_that_of_the_standard():
    fluorine = pet_physics.Injection.from_table(TABLE["fdg"] | {"frame_s": 300.0})
    assert fluorine.mean_count_s == pytest.approx(149.605, abs=0.001)


def test_the_decay_factor_turns_the_mean_of_a_frame_into_its_start():
    seconds = (np.arange(100_000) + 0.5) / 100_000 * GALLIUM.frame_s
    mean = np.exp2(-seconds / GALLIUM.half_life_s).mean()
    assert mean * GALLIUM.decay_factor == pytest.approx(1.0, abs=1e-9)


def test_breathing_moves_nothing_on_average():
    kernel = pet_physics.breath_kernel(2.0, 8.0)
    shifts = (np.arange(len(kernel)) - len(kernel) // 2) * 2.0
    assert kernel.sum() == pytest.approx(1.0)
    assert (kernel * shifts).sum() == pytest.approx(0.0, abs=1e-9)
    assert shifts[kernel > 1e-9].max() - shifts[kernel > 1e-9].min() <= 8.0 + 2 * 2.0


def test_blur_has_the_width_it_says():
    image = np.zeros(GRID.shape, dtype=np.float32)
    image[20, 20, 20] = 1.0
    seen = pet_physics.as_seen(image, GRID, fwhm_mm=8.0, breath_mm=0.0)
    line = seen[20, 20].astype(np.float64)
    x = (np.arange(40) - 20) * 2.0
    sd = math.sqrt((line * x**2).sum() / line.sum())
    assert sd * ct_physics.FWHM_PER_SD == pytest.approx(8.0, rel=0.01)
    assert seen.sum() == pytest.approx(1.0, rel=1e-4)


def test_breathing_keeps_the_activity_and_lowers_the_peak():
    image = np.zeros(GRID.shape, dtype=np.float32)
    image[18:22, 18:22, 18:22] = 10.0
    still = pet_physics.as_seen(image, GRID, fwhm_mm=6.0, breath_mm=0.0)
    moved = pet_physics.as_seen(image, GRID, fwhm_mm=6.0, breath_mm=10.0)
    assert moved.sum() == pytest.approx(still.sum(), rel=1e-4)
    assert moved.max() < still.max()


def test_bins_are_means():
    fine = np.arange(4 * 4 * 4, dtype=np.float32).reshape(4, 4, 4)
    assert pet_physics.binned(fine, (2, 2, 2))[0, 0, 0] == fine[:2, :2, :2].mean()


def test_pet_noise_grows_with_the_root_of_the_activity():
    rng = np.random.Generator(np.random.Philox(key=[1, 2]))
    seen = np.full(GRID.shape, 5.0, dtype=np.float32)
    seen[:, :, 20:] = 20.0
    noisy = pet_physics.with_noise(seen, GRID, rng, liver_suv=5.0, cov=0.06, grain_mm=5.0)
    assert noisy[:, :, :20].std() / 5.0 == pytest.approx(0.06, rel=0.15)
    assert noisy[:, :, 20:].std() == pytest.approx(2 * noisy[:, :, :20].std(), rel=0.15)
    assert noisy[:, :, :20].mean() == pytest.approx(5.0, rel=0.02)


def test_a_mean_over_many_grains_is_as_steady_as_their_number_says():
    rng = np.random.Generator(np.random.Philox(key=[3, 4]))
    fwhm_mm = (5.0, 5.0, 5.0)
    means = [ct_physics.grain(rng, GRID, fwhm_mm)[10:25, 10:25, 10:25].mean() for _ in range(60)]
    volume_ml = 30.0**3 / 1000
    wanted = math.sqrt(ct_physics.grain_ml(fwhm_mm) / volume_ml)
    assert np.std(means) == pytest.approx(wanted, rel=0.35)  # 3.8 standard errors of an SD of 60


def test_ct_noise_has_its_sd_and_is_strongest_in_the_middle():
    rng = np.random.Generator(np.random.Philox(key=[5, 6]))
    noise = ct_physics.noise_hu(rng, GRID, sd_hu=12.0, grain_mm=1.7)
    assert noise.std() == pytest.approx(12.0, rel=0.1)
    assert noise[:, 15:25, 15:25].std() > noise[:, :5, :5].std()


def test_the_kernel_blurs_in_plane_only():
    image = np.zeros(GRID.shape, dtype=np.float32)
    image[20, 20, 20] = 1000.0
    seen = ct_physics.with_kernel(image, GRID, 3.0)
    assert seen[19].max() == 0.0
    assert 0 < seen[20, 20, 19] < seen[20, 20, 20]


def test_stored_hu_are_whole_and_fit_twelve_bits():
    values = np.array([[[-1200.0, -0.4, 61.6, 5000.0]]], dtype=np.float32)
    assert ct_physics.clipped(values).tolist() == [[[-1024.0, 0.0, 62.0, 3071.0]]]
