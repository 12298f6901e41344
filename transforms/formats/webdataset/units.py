"""Plan of WebDataset's shards, a unit each, and what their evidence says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.formats.class_numbers import doubts_of_ends
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import FILE_BITS, remarks_on
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Findings, Reading, ReadResult
from labelbeam.transforms.formats.shards import Shards, exported_as, images_in, plan_shards, splits_of_shards
from labelbeam.transforms.formats.webdataset.class_names import LARGEST, is_names_file, names_in
from labelbeam.transforms.formats.webdataset.format import WebDatasetOptions
from labelbeam.transforms.formats.webdataset.read import Shard, content_of, read_shard
from labelbeam.transforms.formats.webdataset.samples import is_image_suffix, split_name
from labelbeam.transforms.images.facts import ImageError, ImageFacts
from labelbeam.transforms.images.headers import decode, read_header
from labelbeam.transforms.images.look import FIRST_BLOCK, is_opened
from labelbeam.transforms.images.transcode import transcode_of
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.range_reader import LARGEST_BLOCK, RangeReader
from labelbeam.transforms.stores.reading import read_bounded
from labelbeam.transforms.stores.retries import ask
from labelbeam.transforms.workers.quiet_gc import quiet_gc

BYTES_OF_LABELS = 32
"""Of so many bytes of a shard one is of labels, for the number of shards to write: images are most of it."""


def plan_webdataset(tree: Tree, shards: Shards) -> Plan:
    """Plan the shards that were found; see `transforms.plan.make_plan` for errors."""
    root = shards.root

    def size(found: Sequence[StoredFile]) -> int:
        return sum(file.size for file in found) // BYTES_OF_LABELS

    plan, found = plan_shards(tree, "webdataset", shards, size)
    listing = tree.listing_of(root).files
    names, doubts = _class_names(root, listing)
    plan.doubts += doubts
    by_xor = exported_as(root, listing, "webdataset")
    splits = splits_of_shards([file.path for file in found])
    plan.units = [
        WebDatasetUnit(root.url, file.path, number, file.size, split, names, by_xor)
        for number, (file, split) in enumerate(zip(found, splits, strict=True))
    ]
    return plan


def _class_names(root: Location, listing: Iterable[StoredFile]) -> tuple[dict[int, str], list[Doubt]]:
    """The names of classes that files at the root, or in its folders, give; none where they give several, between which nothing decides."""
    found: dict[str, dict[int, str]] = {}
    for file in listing:
        if is_names_file(file.path) and 0 < file.size <= LARGEST:
            names = names_in(file.path, read_bounded(root.below(file.path), LARGEST))
            if names:
                found[file.path] = names
    if not found:
        return {}, []
    first = next(iter(found.values()))
    if all(names == first for names in found.values()):
        return first, []
    message = (
        f"{root.shown}: {', '.join(found)} name classes otherwise, so that none of them is read; leave one of them"
    )
    return {}, [Doubt(Doubted.CLASS_NAMES_DIFFER, message, len(found), next(iter(found)))]


@dataclass(frozen=True, slots=True)
class WebDatasetUnit:
    """A shard; `length` is its size in bytes, `number` its own among them, and `names` are classes by number."""

    root: str
    path: str
    number: int
    length: int
    split: str | None
    names: dict[int, str]
    by_xor: bool

    @property
    def size(self) -> int:
        """Bytes, for progress."""
        return self.length

    @property
    def index(self) -> None:
        """None: a shard stands by itself."""
        return None

    def read(self, reading: Reading) -> ReadResult:
        """Read its samples, and look at their images where the build asks for it.

        Raises:
            StoreError: the shard cannot be read.
        """
        options, config = reading.options, reading.options.config
        images = locate(images_in(locate(self.root, options.storage)), options.storage)
        shard, evidence = images.below(self.path), Evidence()
        looks = config.check_images != "none" and config.sample is None

        def visit(name: str, size: int, read: Callable[[int, int], bytes]) -> bytes | ImageFacts | ImageError | None:
            content = content_of(name, size, read)
            return content if content is not None or not looks else self._look(config, name, size, read)

        with quiet_gc():
            contents, seen = ask(shard, "cannot be read", lambda: images.fs.scan(shard.path, visit))
            found = read_shard(
                Shard(self.root, self.path, self.split, contents, seen),
                self.names,
                config.task,
                config.of(WebDatasetOptions).webdataset_image,
                self.by_xor,
            )
            found.samples.tell(evidence)
            read = found.samples.images
            evidence.add("without_outline", found.samples.without, self.path)
            evidence.add("unnamed", found.samples.unnamed, self.path)
            for name, (count, example) in found.counts.found.items():
                evidence.add(name, count, example)
            fragments = dict(fragments_of(read, options.buckets, self.number << FILE_BITS))
            for fragment in fragments.values() if looks else ():
                for row in fragment.images.rows(range(len(fragment.images))):
                    start = contents.files[row.path[len(self.path) + 1 :]].start
                    fragment.looked[row.path] = seen.get(start) if is_opened(config.check_images, row) else None
        records = sum(fragment.records for fragment in fragments.values())
        return reading.result(Findings(records, {self.root: evidence}), sorted(fragments.items()))

    def _look(
        self, config: ConvertConfig, name: str, size: int, read: Callable[[int, int], bytes]
    ) -> ImageFacts | ImageError | None:
        """Look at the header of an image, or at its pixels: a writer would have to find it once more."""
        named = split_name(name.removeprefix("./"))
        if named is None or not is_image_suffix(named[1]):
            return None
        others, path = transcode_of(config) is not None, f"{self.path}/{name}"
        try:
            if config.check_images == "decode":
                return decode(RangeReader(read, size, LARGEST_BLOCK), path, others)
            return read_header(RangeReader(read, size, FIRST_BLOCK), path, others)
        except ImageError as error:
            return error


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence, beside those of boxes."""
    doubts = remarks_on(evidence)
    for source, item in sorted(evidence.items()):
        shown = redact(source)
        for name in item.tallies:
            if name.startswith("left_out "):
                message = (
                    f"{shown}: {name.removeprefix('left_out ')}: {item.count(name)}, such as {item.example(name)!r}"
                )
                doubts.append(Doubt(Doubted.NOT_LISTED, message, item.count(name), item.example(name)))
        for name, code, words in _TOLD:
            if count := item.count(name):
                message = f"{shown}: {count:,} {words.format(item.example(name))}"
                doubts.append(Doubt(code, message, count, item.example(name)))
        doubts += doubts_of_ends(shown, item, "labels", "samples")
    return doubts


_TOLD = (
    (
        "unnamed",
        Doubted.LABELS_ARE_NUMBERS,
        "labels are numbers, such as in {}, and no file beside the shards gives one list of their names; expected labels.json or "
        "classnames.txt",
    ),
    (
        "apart",
        Doubted.SAMPLES_APART,
        "samples, such as {}, are files that do not follow each other; they are read as one each, and WebDataset's own reader makes "
        "several of them: pack the shards with tar --sort=name",
    ),
    (
        "companions",
        Doubted.IMAGES_LEFT_ALONE,
        "images of samples that have another one, such as in {}, are not read; --webdataset-image chooses",
    ),
    ("others", Doubted.FILES_LEFT_ALONE, "files in shards, such as {}, are of no sample"),
)
