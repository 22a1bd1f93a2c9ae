TITLE Fast inactivating sodium channel whose gates can be shifted and stretched

COMMENT
Reva et al. 2023, Patterns 4:100855, doi 10.1016/j.patter.2023.100855;
kinetics from Colbert & Pan 2002, Nat Neurosci 5:533-538, doi 10.1038/nn0602-857.
vshiftm and vshifth move the gates to more positive voltages, slopem and slopeh widen their voltage dependence.
Rates measured at 21 degC, scaled to 34 degC with Q10 2.3 whatever the temperature of the simulation.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX NaTg
    USEION na READ ena WRITE ina
    RANGE gNaTgbar, gNaTg, ina, vshiftm, vshifth, slopem, slopeh
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gNaTgbar = 1e-5 (S/cm2) <0, 1e9>
    vshiftm = 0 (mV)
    vshifth = 0 (mV)
    slopem = 6 (mV) <1e-9, 1e9>
    slopeh = 6 (mV) <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    ena (mV)
    ina (mA/cm2)
    gNaTg (S/cm2)
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
    gNaTg = gNaTgbar*m*m*m*h
    ina = gNaTg*(v - ena)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    LOCAL qt, a, b
    qt = 2.3^((34 - 21)/10)

    a = 0.182 (/ms/mV)*linoid(v + 38 (mV) - vshiftm, slopem)
    b = 0.124 (/ms/mV)*linoid(-(v + 38 (mV) - vshiftm), slopem)
    mtau = 1/(qt*(a + b))
    minf = a/(a + b)

    a = 0.015 (/ms/mV)*linoid(-(v + 66 (mV) - vshifth), slopeh)
    b = 0.015 (/ms/mV)*linoid(v + 66 (mV) - vshifth, slopeh)
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
