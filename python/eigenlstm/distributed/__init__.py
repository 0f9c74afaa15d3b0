"""Training in several processes: ``fit(..., comm=comm)``.

`comm` is ``mpi4py.MPI.COMM_WORLD``, `torch_comm()`, or an object of your own that has the methods of `Communicator`.
"""

from .communicator import Communicator as Communicator
from .communicator import Pending as Pending
from .communicator import RankFailed as RankFailed
from .communicator import mpi_comm as mpi_comm
from .communicator import torch_comm as torch_comm
from .shards import rows_of_rank as rows_of_rank

__all__ = ["Communicator", "Pending", "RankFailed", "mpi_comm", "rows_of_rank", "torch_comm"]
