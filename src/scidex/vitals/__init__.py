"""How the economy stands now, in few figures, for whoever watches over it."""

from scidex.vitals.figures import Figures, PoolFigures, Vitals

__all__ = ["Figures", "PoolFigures", "Vitals"]
