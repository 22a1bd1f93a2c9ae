TITLE Slow inactivating (persistent) potassium channel

COMMENT
Hay et al. 2011, PLoS Comput Biol 7:e1002107, doi 10.1371/journal.pcbi.1002107, ModelDB 139653;
kinetics from Korngreen & Sakmann 2000, J Physiol 525:621-639, doi 10.1111/j.1469-7793.2000.00621.x,
10 mV more negative for the liquid junction potential.
Rates measured at 21 degC, scaled to 34 degC with Q10 2.3 whatever the temperature of the simulation.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX K_Pst
    USEION k READ ek WRITE ik
    RANGE gK_Pstbar, gK_Pst, ik
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gK_Pstbar = 1e-5 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
    gK_Pst (S/cm2)
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
    gK_Pst = gK_Pstbar*m*m*h
    ik = gK_Pst*(v - ek)
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

    minf = 1/(1 + exp(-(u + 1 (mV))/12 (mV)))
    IF (u < -50 (mV)) {
        mtau = (1.25 (ms) + 175.03 (ms)*exp(0.026 (/mV)*u))/qt
    } ELSE {
        mtau = (1.25 (ms) + 13 (ms)*exp(-0.026 (/mV)*u))/qt
    }

    hinf = 1/(1 + exp((u + 54 (mV))/11 (mV)))
    htau = (360 (ms) + (1010 (ms) + 24 (ms/mV)*(u + 55 (mV)))*exp(-((u + 75 (mV))/48 (mV))^2))/qt
}
