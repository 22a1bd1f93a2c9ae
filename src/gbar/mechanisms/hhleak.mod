TITLE Squid axon: leak

COMMENT
Hodgkin & Huxley 1952, J Physiol 117:500-544, doi 10.1113/jphysiol.1952.sp004764, ModelDB 5426.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX hhleak
    NONSPECIFIC_CURRENT i
    RANGE gbar, e
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0.0003 (S/cm2) <0, 1e9>
    e = -54.3 (mV)
}

ASSIGNED {
    v (mV)
    i (mA/cm2)
}

BREAKPOINT {
    i = gbar*(v - e)
}
