"""A raw format: what it is called, its options, how it is recognised, and how it is planned.

Importing a format loads neither numpy nor Beam, since the command line's help is made from all of them: what reads data is
imported by the methods that need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.tasks import Task

if TYPE_CHECKING:
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan
    from labelbeam.transforms.stores.files import StoredFile
    from labelbeam.transforms.stores.listing import Listing
    from labelbeam.transforms.stores.location import Location, StorageOptions


_HEADS = 256
"""Beginnings of files that are kept, of 64 KB each at most."""


@dataclass
class Tree:
    """The sources of a build, before it is known what they are: files, or a directory that is listed once."""

    config: ConvertConfig
    storage: StorageOptions
    locations: Sequence[Location]
    files: Sequence[Location]
    """Those of `locations` that are files."""
    _listings: dict[str, Listing] = field(default_factory=dict)
    _heads: dict[str, bytes] = field(default_factory=dict)
    _by_extension: dict[str, dict[str, list[StoredFile]]] = field(default_factory=dict)

    @property
    def root(self) -> Location | None:
        """The directory that is the sole source; None where there are several sources, or a file."""
        return self.locations[0] if len(self.locations) == 1 and not self.files else None

    def listing_of(self, root: Location) -> Listing:
        """The files below a directory, without those that builds of this configuration put there; listed once.

        Raises:
            StoreError: it cannot be listed.
        """
        from labelbeam.transforms.formats.inputs import list_dataset

        if root.url not in self._listings:
            self._listings[root.url] = list_dataset(root, self.config, self.storage)
        return self._listings[root.url]

    def head_of(self, file: Location, size: int) -> bytes:
        """The first bytes of a file, by which several formats may know it; read once.

        Raises:
            StoreError: they cannot be read.
        """
        from labelbeam.transforms.formats.plans import HEAD
        from labelbeam.transforms.stores.reading import read_range

        head = self._heads.get(file.url)
        if head is None:
            head = read_range(file, 0, min(size, HEAD))
            if len(self._heads) < _HEADS:
                self._heads[file.url] = head
        return head

    @cached_property
    def visible(self) -> list[StoredFile]:
        """The files below `root` that are not hidden; none without one.

        Raises:
            StoreError: it cannot be listed.
        """
        return self._visible_below(self.root) if self.root is not None else []

    def visible_of(self, *extensions: str, below: Location | None = None) -> list[StoredFile]:
        """Those of `visible` that have one of the extensions, in the same order; or of the files below another directory.

        Raises:
            StoreError: it cannot be listed.
        """
        root = self.root if below is None else below
        if root is None:
            return []
        if root.url not in self._by_extension:
            self._by_extension[root.url] = self._grouped(root)
        groups = [found for each in extensions if (found := self._by_extension[root.url].get(each))]
        return list(groups[0]) if len(groups) == 1 else sorted(chain.from_iterable(groups))

    def images(self) -> list[StoredFile]:
        """Those of `visible` that are images by their names, in the same order.

        Raises:
            StoreError: it cannot be listed.
        """
        from labelbeam.transforms.images.names import IMAGE_FORMATS, OTHER_IMAGE_FORMATS

        return self.visible_of(*IMAGE_FORMATS, *OTHER_IMAGE_FORMATS)

    def _visible_below(self, root: Location) -> list[StoredFile]:
        from labelbeam.transforms.images.names import hidden

        return [file for file in self.listing_of(root).files if not hidden(file.path)]

    def _grouped(self, root: Location) -> dict[str, list[StoredFile]]:
        """Visible files by extension: each name is looked at once, whatever the formats ask for."""
        from labelbeam.transforms.images.names import extension

        found: dict[str, list[StoredFile]] = {}
        for file in self.visible if root == self.root else self._visible_below(root):
            found.setdefault(extension(file.path), []).append(file)
        return found


class Claim(NamedTuple):
    """A format's answer that the sources are of its kind.

    `reason` says why, in words. A claim that is not `certain` counts only where no other format has one that is: images
    alone are a folder, images beside annotations are not. `beats` names formats whose claim does not count beside this one,
    which knows the files by more. `task` is what the source says that it is for, if it does. `found` is handed to the format's
    own `plan`.
    """

    reason: str
    certain: bool = True
    found: Any = None
    beats: frozenset[str] = frozenset()
    task: Task | None = None


class Format(Protocol):
    """A raw format. An instance holds no state and can be pickled by its class."""

    @property
    def name(self) -> str:
        """The value of --format."""

    @property
    def title(self) -> str:
        """The name in the documentation."""

    @property
    def source(self) -> str:
        """The words for what --source names, such as `the JSON file(s)`."""

    @property
    def tasks(self) -> Mapping[Task, str]:
        """The tasks that can be built from it, each with what their labels are taken from."""

    @property
    def usual_task(self) -> Task:
        """The task that it is most often built for."""

    @property
    def options(self) -> type[msgspec.Struct]:
        """Its own options: flags, YAML keys and rows of the documentation."""

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim the sources, or leave them; where it was `asked` for by --format, claim them or say what is missing.

        Raises:
            StoreError: a source cannot be read.
            UsageError: it was asked for and cannot read the sources.
        """

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the reading of what was claimed. With `exact`, large files are cut by scanning them in full.

        Raises:
            UsageError: the task cannot be served from it.
            StoreError: a source cannot be read.
            LabelBeamError: a source holds nothing to build from.
        """

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """The frames of those sources that are not in pixels, by the evidence of all of their records.

        Raises:
            UsageError: a source contradicts itself, so that every reading would ruin some of it; says which option decides.
        """

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Doubts that follow from the evidence."""
