TITLE Fast sodium channel, dopamine neuron

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612.
Three activation gates m and an inactivation gate h. In the dendrites both steady states and the time constant of h lie at
more positive voltages, by 10 mV in the proximal and 18 mV in the distal ones (vshift); the time constant of m does not move.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX na_da
    USEION na READ ena WRITE ina
    RANGE gbar, vshift, ina
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 5.5e-3 (S/cm2) <0, 1e9>
    vshift = 0 (mV)
}

ASSIGNED {
    v (mV)
    ena (mV)
    ina (mA/cm2)
}

STATE { m h }

INITIAL {
    m = minf(v)
    h = hinf(v)
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    ina = gbar*m^3*h*(v - ena)
}

DERIVATIVE states {
    m' = (minf(v) - m)/mtau(v)
    h' = (hinf(v) - h)/htau(v)
}

FUNCTION minf(v (mV)) {
    minf = 1/(1 + exp(-(v - vshift + 44.6 (mV))/6 (mV)))
}

FUNCTION mtau(v (mV)) (ms) {
    mtau = 0.04 (ms) + 1 (ms)/(1 + exp(-(v + 65 (mV))/0.5 (mV))) - 1 (ms)/(1 + exp(-(v + 45 (mV))/1.5 (mV)))
}

FUNCTION hinf(v (mV)) {
    hinf = 1/(1 + exp((v - vshift + 66.8 (mV))/7.8 (mV)))
}

FUNCTION htau(v (mV)) (ms) {
    LOCAL u
    u = v - vshift
    htau = 1 (ms) + 56 (ms)/(1 + exp((u + 39 (mV))/4.5 (mV))) - 56 (ms)/(1 + exp((u + 59 (mV))/2 (mV)))
}
