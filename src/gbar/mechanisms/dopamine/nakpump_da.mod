TITLE Sodium-potassium pump, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
Three sodium ions out for two potassium ions in, at a rate that rises with the sodium concentration inside and does not depend
on the voltage; ibar is the largest net current.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX nakpump_da
    USEION na READ nai WRITE ina
    USEION k WRITE ik
    RANGE ibar, k, n, ina, ik
}

UNITS {
    (mA) = (milliamp)
    (molar) = (1/liter)
    (mM) = (millimolar)
}

PARAMETER {
    ibar = 3.6e-3 (mA/cm2) <0, 1e9>
    k = 10 (mM) <1e-9, 1e9>
    n = 1.5 <0, 10>
}

ASSIGNED {
    nai (mM)
    ina (mA/cm2)
    ik (mA/cm2)
}

BREAKPOINT {
    LOCAL i
    i = ibar/(1 + (k/nai)^n)
    ina = 3*i
    ik = -2*i
}
