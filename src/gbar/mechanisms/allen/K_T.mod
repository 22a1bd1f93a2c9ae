TITLE Fast inactivating (transient) potassium channel

COMMENT
Gouwens et al. 2018, Nat Commun 9:710, doi 10.1038/s41467-017-02718-3;
kinetics from Korngreen & Sakmann 2000, J Physiol 525:621-639, doi 10.1111/j.1469-7793.2000.00621.x.
vshift moves both gates to more positive voltages; mTauF and hTauF scale the voltage-dependent part of their time
constants.
Rates measured at 21 degC, scaled to the temperature of the simulation with Q10 2.3.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX K_T
    USEION k READ ek WRITE ik
    RANGE gbar, g, ik, vshift, mTauF, hTauF
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 1e-5 (S/cm2) <0, 1e9>
    vshift = 0 (mV)
    mTauF = 1 <0, 1e9>
    hTauF = 1 <0, 1e9>
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
    g = gbar*m*m*m*m*h
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

    minf = 1/(1 + exp(-(u + 47 (mV))/29 (mV)))
    mtau = (0.34 (ms) + mTauF*0.92 (ms)*exp(-((u + 71 (mV))/59 (mV))^2))/qt

    hinf = 1/(1 + exp((u + 66 (mV))/10 (mV)))
    htau = (8 (ms) + hTauF*49 (ms)*exp(-((u + 73 (mV))/23 (mV))^2))/qt
}
