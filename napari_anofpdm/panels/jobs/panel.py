"""`JobsPanel`: datasets, trainings and guidance selections, started here or on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QHeaderView,
    QMessageBox,
    QSplitter,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.panels.jobs.dataset_form import DatasetForm
from napari_anofpdm.panels.jobs.guidance_form import GuidanceForm
from napari_anofpdm.panels.jobs.job_details import JobDetails
from napari_anofpdm.panels.jobs.job_form import JobForm
from napari_anofpdm.panels.jobs.job_monitor import JobMonitor
from napari_anofpdm.panels.jobs.training_form import TrainingForm
from napari_anofpdm.plots.plot_theme import plot_theme
from napari_anofpdm.widgets.field import wrapped_label
from napari_anofpdm.widgets.upright_scroll import UprightScroll

if TYPE_CHECKING:
    import napari.viewer

    from anofpdm.jobs.watch import JobWatch

_FOLDER = Qt.ItemDataRole.UserRole
_LIST_AND_DETAILS_PX = [110, 500]
_NO_JOBS = (
    "No jobs yet. A model of your own requires three jobs: a dataset, a training and a guidance "
    "selection. Start them in the tabs above. Jobs continue when the viewer is closed."
)


class JobsPanel(DockedPanel):
    """A list of all jobs, and a form for each kind.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose theme is used.

    Attributes
    ----------
    model_wanted : Signal(str)
        Emitted with the path of a model that the user wants to run.
    """

    model_wanted = Signal(str)

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.monitor = JobMonitor(self)
        self.list = _job_list()
        self.empty = wrapped_label(_NO_JOBS)
        self.details = JobDetails()
        self.room = UprightScroll(self.details)
        self.tabs = QTabWidget()
        tab_bar = self.tabs.tabBar()
        assert tab_bar is not None
        tab_bar.setToolTip("The list of jobs, and a form for each kind of job.")
        self.tabs.addTab(self._jobs_tab(), "Jobs")
        self.dataset, self.training, self.guidance = DatasetForm(), TrainingForm(), GuidanceForm()
        forms: dict[str, JobForm] = {
            "Dataset": self.dataset,
            "Training": self.training,
            "Guidance": self.guidance,
        }
        for title, form in forms.items():
            self.tabs.addTab(UprightScroll(form), title)
            form.started.connect(self._on_start)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.tabs)
        self.monitor.changed.connect(self.refresh)
        self.list.itemSelectionChanged.connect(self._show_details)
        self.details.asked.connect(self._do)
        listen(self, [(viewer.events.theme, self._on_theme)])
        self._on_theme()
        self.monitor.look()

    @property
    def chosen(self) -> JobWatch | None:
        """The job that is selected in the list."""
        items = self.list.selectedItems()
        return self.monitor.job(items[0].data(0, _FOLDER)) if items else None

    def choose(self, folder: Path) -> None:
        """Select a job."""
        for item in self._items():
            if item.data(0, _FOLDER) == folder:
                self.list.setCurrentItem(item)

    def refresh(self) -> None:
        """Show the jobs that the monitor has read."""
        folders = [job.folder for job in self.monitor.jobs]
        if [item.data(0, _FOLDER) for item in self._items()] != folders:
            self._fill(folders)
        for item, job in zip(self._items(), self.monitor.jobs, strict=True):
            for column, text in enumerate(_cells(job)):
                item.setText(column, text)
            item.setToolTip(0, job.command_line or job.state.message)
        self.empty.setVisible(not folders)
        self.list.setVisible(bool(folders))
        self._show_details()

    def _jobs_tab(self) -> QWidget:
        tab = QWidget()
        column = QVBoxLayout(tab)
        column.addWidget(self.empty)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.list)
        splitter.addWidget(self.room)
        splitter.setStretchFactor(1, 3)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes(_LIST_AND_DETAILS_PX)
        column.addWidget(splitter, 1)
        return tab

    def _items(self) -> list[QTreeWidgetItem]:
        found = [self.list.topLevelItem(i) for i in range(self.list.topLevelItemCount())]
        return [item for item in found if item is not None]

    def _fill(self, folders: list[Path]) -> None:
        chosen = self.list.selectedItems()
        kept = chosen[0].data(0, _FOLDER) if chosen else None
        with QSignalBlocker(self.list):
            self.list.clear()
            for folder in folders:
                item = QTreeWidgetItem()
                item.setData(0, _FOLDER, folder)
                self.list.addTopLevelItem(item)
            if folders:
                self.choose(kept if kept in folders else folders[0])

    def _show_details(self) -> None:
        job = self.chosen
        stopping = job is not None and self.monitor.is_stopping(job.folder)
        self.details.show_job(job, stopping=stopping)
        # Without a job the scroll area would be empty.
        self.room.setVisible(job is not None)

    def _on_start(self, folder: Path) -> None:
        self.monitor.look()
        self.choose(folder)
        self.tabs.setCurrentIndex(0)

    def _do(self, action: str) -> None:
        job = self.chosen
        if job is None:
            return
        if action == "folder":
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(job.folder)))
        elif action == "stop":
            self.monitor.stop(job.folder)
        elif action == "resume":
            self.monitor.resume(job.folder)
        elif action == "remove":
            self._remove(job)
        elif job.bundle is not None:
            self.model_wanted.emit(str(job.bundle))

    def _remove(self, job: JobWatch) -> None:
        text = f"Delete {job.folder} and everything in it, including the results?"
        yes = QMessageBox.StandardButton.Yes
        if QMessageBox.question(self, "Remove the job", text) == yes:
            self.monitor.remove(job.folder)

    def _on_theme(self, _: object = None) -> None:
        self.details.set_theme(plot_theme(self._viewer.theme))


def _job_list() -> QTreeWidget:
    tree = QTreeWidget()
    tree.setAccessibleName("Jobs")
    tree.setHeaderLabels(["Job", "State", "Done", "Left"])
    tree.setRootIsDecorated(False)
    tree.setToolTip("All jobs in this computer's jobs folder, whoever started them; latest first.")
    tree.setMinimumHeight(80)
    header = tree.header()
    assert header is not None
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    for column in (1, 2, 3):
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(False)
    return tree


def _cells(job: JobWatch) -> tuple[str, str, str, str]:
    from anofpdm.common.quantities import duration_in_words

    share, left = job.fraction, job.seconds_left
    return (
        job.name,
        job.state.status,
        "" if share is None else f"{100 * share:.0f} %",
        "" if left is None else duration_in_words(left),
    )
