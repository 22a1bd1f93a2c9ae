TITLE Fast inactivating (transient) potassium channel

COMMENT
Hay et al. 2011, PLoS Comput Biol 7:e1002107, doi 10.1371/journal.pcbi.1002107, ModelDB 139653;
kinetics from Korngreen & Sakmann 2000, J Physiol 525:621-639, doi 10.1111/j.1469-7793.2000.00621.x,
10 mV more negative for the liquid junction potential.
Rates measured at 21 degC, scaled to 34 degC with Q10 2.3 whatever the temperature of the simulation.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX K_Tst
    USEION k READ ek WRITE ik
    RANGE gK_Tstbar, gK_Tst, ik
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gK_Tstbar = 1e-5 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
    gK_Tst (S/cm2)
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
    gK_Tst = gK_Tstbar*m*m*m*m*h
    ik = gK_Tst*(v - ek)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    LOCAL u, qt
    u = v + 10 (mV)
    qt = 2.3^((34 - 21)/10)

    minf = 1/(1 + exp(-u/19 (mV)))
    mtau = (0.34 (ms) + 0.92 (ms)*exp(-((u + 71 (mV))/59 (mV))^2))/qt

    hinf = 1/(1 + exp((u + 66 (mV))/10 (mV)))
    htau = (8 (ms) + 49 (ms)*exp(-((u + 73 (mV))/23 (mV))^2))/qt
}
