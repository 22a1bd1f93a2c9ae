TITLE Fast sodium channel of layer 5 pyramids

COMMENT
Almog & Korngreen 2014, J Neurosci 34:182-196, doi 10.1523/JNEUROSCI.2896-13.2014, ModelDB 151825: measured in nucleated
patches at 21 degC; Q10 2.3. Their shifts are subtracted from the voltage here, as the shifts of other channels are:
positive ones move a gate to more positive voltages.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX nat
    USEION na READ ena WRITE ina
    RANGE gbar, gna, ina, vshiftm, vshifth
    GLOBAL q10
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (pS) = (picosiemens)
    (um) = (micron)
}

PARAMETER {
    gbar = 100 (pS/um2) <0, 1e9>
    vshiftm = 0 (mV)
    vshifth = 0 (mV)
    q10 = 2.3
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ina (mA/cm2)
    gna (pS/um2)
    tadj
    minf
    mtau (ms)
    hinf
    htau (ms)
}

STATE { m h }

INITIAL {
    tadj = q10^((celsius - 21 (degC))/10 (degC))
    rates(v - vshiftm, v - vshifth)
    m = minf
    h = hinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    gna = gbar*m*m*m*h
    ina = (1e-4)*gna*(v - ena)
}

DERIVATIVE states {
    rates(v - vshiftm, v - vshifth)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(u (mV), w (mV)) {
    minf = 1/(1 + exp(-(u + 38 (mV))/10 (mV)))
    mtau = (0.058 (ms) + 0.114 (ms)*exp(-((u + 36 (mV))/28 (mV))^2))/tadj
    hinf = 1/(1 + exp((w + 66 (mV))/6 (mV)))
    htau = (0.28 (ms) + 16.7 (ms)*exp(-((w + 60 (mV))/25 (mV))^2))/tadj
}
