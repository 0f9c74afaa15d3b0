"""``python -m eigenlstm``: see `eigenlstm.cli`."""

import sys

from .cli import main

sys.exit(main())
