TITLE Tonically open GABA-A receptors, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
A chloride conductance. The paper has a tenth of the soma's density in the dendrites.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX gaba_da
    NONSPECIFIC_CURRENT i
    RANGE gbar, e, i
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0 (S/cm2) <0, 1e9>
    e = -70 (mV)
}

ASSIGNED {
    v (mV)
    i (mA/cm2)
}

BREAKPOINT {
    i = gbar*(v - e)
}
