"""NMODL: text -> checked tree -> the equations of a mechanism, in passes from tree to tree."""
