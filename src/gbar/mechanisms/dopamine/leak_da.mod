TITLE Leak, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
Sodium, potassium and (in the soma) calcium leak through conductances of their own, so that each reaches the balance of its
ion.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX leak_da
    USEION na READ ena WRITE ina
    USEION k READ ek WRITE ik
    USEION ca READ eca WRITE ica
    RANGE gnabar, gkbar, gcabar, ina, ik, ica
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gnabar = 9.5e-6 (S/cm2) <0, 1e9>
    gkbar = 1.8e-5 (S/cm2) <0, 1e9>
    gcabar = 0 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    ena (mV)
    ek (mV)
    eca (mV)
    ina (mA/cm2)
    ik (mA/cm2)
    ica (mA/cm2)
}

BREAKPOINT {
    ina = gnabar*(v - ena)
    ik = gkbar*(v - ek)
    ica = gcabar*(v - eca)
}
