"""Batches read ahead in threads are those that a plain look-up gives."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from anofpdm.common.errors import DatasetError
from anofpdm.datasets import SliceDataset
from anofpdm.training.data.batches import AHEAD, Batches
from anofpdm.training.data.data_order import DataOrder

CPU = torch.device("cpu")
SIZE = 6


@pytest.fixture
def dataset(tmp_path: Path) -> SliceDataset:
    """150 training slices around 40 others: three chunks, the last not full."""
    generator = np.random.default_rng(0)
    with SliceDataset.create(tmp_path / "d.zarr", modalities=["flair", "t1"]) as out:
        for name, split, count in [("a", "train", 90), ("b", "val", 40), ("c", "train", 60)]:
            images = generator.uniform(-1, 1, (count, 2, 8, 8))
            out.append(images, np.arange(count) % 3 - 1, subject=name, split=split)
    return SliceDataset.open(tmp_path / "d.zarr")


def compressed(dataset: SliceDataset) -> SliceDataset:
    """The same dataset as earlier versions stored it."""
    group = zarr.open_group(dataset.path, mode="r+")
    images = dataset.read("images", np.arange(len(dataset)))
    codecs = [BloscCodec(), Crc32cCodec()]
    group.create_array(
        "images", data=images, chunks=(64, 2, 8, 8), compressors=codecs, overwrite=True
    )
    return SliceDataset.open(dataset.path)


def order_of(dataset: SliceDataset) -> DataOrder:
    return DataOrder(dataset.select("train").labels, SIZE, seed=3)


def own_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("batches")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> None:
    assert not own_threads()


@pytest.mark.parametrize("stored", [lambda dataset: dataset, compressed])
def test_any_step_gets_its_slices(
    dataset: SliceDataset, stored: Callable[[SliceDataset], SliceDataset]
) -> None:
    dataset = stored(dataset)
    selection, order = dataset.select("train"), order_of(dataset)
    batches = Batches(selection, order, slice(1, 5), CPU)
    for step in [0, 1, 2, 40, 41, 7, *range(90, 130)]:
        images, labels, lesions, diseased = batches.batch(step)
        assert lesions is None and diseased is None
        chosen = order.batch(step)[1:5]
        assert images.dtype == torch.float32
        assert np.array_equal(images.numpy(), selection.images[chosen].astype(np.float32))
        assert labels.tolist() == selection.labels[chosen].tolist()
    close(batches)


def close(batches: Batches) -> None:
    batches.close()
    for thread in own_threads():
        thread.join()


def test_reading_ahead_is_bounded(dataset: SliceDataset) -> None:
    read: set[int] = set()

    class Watched(DataOrder):
        def batch(self, step: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
            read.add(step)
            return super().batch(step)

    order = Watched(dataset.select("train").labels, SIZE, seed=3)
    batches = Batches(dataset.select("train"), order, slice(0, SIZE), CPU)
    batches.batch(10)
    close_after_all(batches)
    assert read <= set(range(10, 10 + AHEAD + 1))
    assert 10 in read


def close_after_all(batches: Batches) -> None:
    for future in batches._pending.values():
        future.result()
    close(batches)


def test_a_damaged_dataset_is_named(dataset: SliceDataset) -> None:
    chunk = dataset.path / "images" / "c" / "2" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:100])
    batches = Batches(dataset.select("train"), order_of(dataset), slice(0, SIZE), CPU)
    with pytest.raises(DatasetError, match="truncated"):
        for step in range(150 // SIZE):
            batches.batch(step)
    chunk.unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        for step in range(150 // SIZE, 300 // SIZE):
            batches.batch(step)
    close(batches)


def test_threads_end_when_nobody_needs_them(dataset: SliceDataset) -> None:
    batches = Batches(dataset.select("train"), order_of(dataset), slice(0, SIZE), CPU)
    batches.batch(0)
    for future in batches._pending.values():
        future.result()
    del batches
    gc.collect()
    for thread in own_threads():
        thread.join()


def test_scattered_images_come_in_the_order_asked_for(dataset: SliceDataset) -> None:
    positions = np.random.default_rng(1).permutation(len(dataset))
    images = dataset.read("images", np.arange(len(dataset)))
    scattered = dataset.scattered_images
    assert scattered is not None
    assert np.array_equal(scattered.read(positions), images[positions])
    assert compressed(dataset).scattered_images is None
