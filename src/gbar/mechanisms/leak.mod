TITLE Leak of the Pospischil models

COMMENT
A constant conductance: i = gbar (v - e).

Pospischil et al. 2008, Biol Cybern 99:427-441, doi 10.1007/s00422-008-0263-8, ModelDB 123623.
The values differ from cell to cell; the defaults are those of a regular-spiking cell.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX leak
    NONSPECIFIC_CURRENT i
    RANGE gbar, e
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1e-5 (S/cm2) <0, 1e9>
    e = -70 (mV)
}

ASSIGNED {
    v (mV)
    i (mA/cm2)
}

BREAKPOINT {
    i = gbar*(v - e)
}
