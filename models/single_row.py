"""LightGBM for one row at a time: what a call costs beside the trees is done once for each booster.

``Booster.predict`` reads its parameters and makes a predictor anew in every call, which takes longer than the trees of
one row. The C interface keeps both: ``LGBM_BoosterPredictForMatSingleRowFast``, https://lightgbm.readthedocs.io, C API.
"""

import ctypes
import weakref
from typing import TYPE_CHECKING

import numpy as np

from models.prediction import Matrix

if TYPE_CHECKING:
    import lightgbm as lgb


class SingleRow:
    """Predicts one row of one booster; the same bits as ``Booster.predict`` with raw scores. Threads may share it.

    Parameters
    ----------
    booster : lightgbm.Booster
        With one output; must not be trained on.
    """

    def __init__(self, booster: "lgb.Booster") -> None:
        from lightgbm import basic

        self._booster = booster
        self._columns = booster.num_feature()
        self._library, self._check = basic._LIB, basic._safe_call
        self._handle = ctypes.c_void_p()
        self._check(
            self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster._handle,
                ctypes.c_int(basic._C_API_PREDICT_RAW_SCORE),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_int(basic._C_API_DTYPE_FLOAT32),
                ctypes.c_int32(self._columns),
                ctypes.c_char_p(b"num_threads=1"),
                ctypes.byref(self._handle),
            )
        )
        weakref.finalize(self, self._library.LGBM_FastConfigFree, self._handle)

    def odds(self, features: Matrix) -> float:
        """Return the raw score of one row, float32 of shape (1, f), rows together in memory."""
        if features.shape != (1, self._columns) or features.dtype != np.float32 or not features.flags.c_contiguous:
            raise ValueError(f"{features.dtype} of shape {features.shape} is not one row of {self._columns} floats")
        length, found = ctypes.c_int64(), ctypes.c_double()
        self._check(
            self._library.LGBM_BoosterPredictForMatSingleRowFast(
                self._handle, ctypes.c_void_p(features.ctypes.data), ctypes.byref(length), ctypes.byref(found)
            )
        )
        return found.value
