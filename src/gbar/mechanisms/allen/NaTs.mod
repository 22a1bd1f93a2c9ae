TITLE Fast inactivating sodium channel

COMMENT
Gouwens et al. 2018, Nat Commun 9:710, doi 10.1038/s41467-017-02718-3;
kinetics from Colbert & Pan 2002, Nat Neurosci 5:533-538, doi 10.1038/nn0602-857.
Rates at 23 degC, scaled to the temperature of the simulation with Q10 2.3.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX NaTs
    USEION na READ ena WRITE ina
    RANGE gbar, g, ina, malphaF, mbetaF, mvhalf, mk, halphaF, hbetaF, hvhalf, hk
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1e-5 (S/cm2) <0, 1e9>
    malphaF = 0.182 (/ms/mV) <0, 1e9>
    mbetaF = 0.124 (/ms/mV) <0, 1e9>
    mvhalf = -40 (mV)
    mk = 6 (mV) <1e-9, 1e9>
    halphaF = 0.015 (/ms/mV) <0, 1e9>
    hbetaF = 0.015 (/ms/mV) <0, 1e9>
    hvhalf = -66 (mV)
    hk = 6 (mV) <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ina (mA/cm2)
    g (S/cm2)
    minf
    mtau (ms)
    hinf
    htau (ms)
}

STATE { m h }

INITIAL {
    rates(v)
    m = minf
    h = hinf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    g = gbar*m*m*m*h
    ina = g*(v - ena)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    LOCAL qt, a, b
    qt = 2.3^((celsius - 23 (degC))/10 (degC))

    a = malphaF*linoid(v - mvhalf, mk)
    b = mbetaF*linoid(-(v - mvhalf), mk)
    mtau = 1/(qt*(a + b))
    minf = a/(a + b)

    a = halphaF*linoid(-(v - hvhalf), hk)
    b = hbetaF*linoid(v - hvhalf, hk)
    htau = 1/(qt*(a + b))
    hinf = a/(a + b)
}

FUNCTION linoid(x (mV), k (mV)) (mV) {
    : x/(1 - exp(-x/k)), with its limit at x = 0
    IF (fabs(x/k) < 1e-6) {
        linoid = k + x/2
    } ELSE {
        linoid = x/(1 - exp(-x/k))
    }
}
