TITLE Slow inactivating (persistent) potassium channel

COMMENT
Gouwens et al. 2018, Nat Commun 9:710, doi 10.1038/s41467-017-02718-3;
kinetics from Korngreen & Sakmann 2000, J Physiol 525:621-639, doi 10.1111/j.1469-7793.2000.00621.x.
vshift moves both gates to more positive voltages, tauF stretches the time constant of activation.
Rates measured at 21 degC, scaled to the temperature of the simulation with Q10 2.3.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX K_P
    USEION k READ ek WRITE ik
    RANGE gbar, g, ik, vshift, tauF
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1e-5 (S/cm2) <0, 1e9>
    vshift = 0 (mV)
    tauF = 1 <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ek (mV)
    ik (mA/cm2)
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
    g = gbar*m*m*h
    ik = g*(v - ek)
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/htau
}

PROCEDURE rates(v (mV)) {
    LOCAL u, qt
    u = v - vshift
    qt = 2.3^((celsius - 21 (degC))/10 (degC))

    minf = 1/(1 + exp(-(u + 14.3 (mV))/14.6 (mV)))
    IF (u < -50 (mV)) {
        mtau = tauF*(1.25 (ms) + 175.03 (ms)*exp(0.026 (/mV)*u))/qt
    } ELSE {
        mtau = tauF*(1.25 (ms) + 13 (ms)*exp(-0.026 (/mV)*u))/qt
    }

    hinf = 1/(1 + exp((u + 54 (mV))/11 (mV)))
    htau = (360 (ms) + (1010 (ms) + 24 (ms/mV)*(u + 55 (mV)))*exp(-((u + 75 (mV))/48 (mV))^2))/qt
}
