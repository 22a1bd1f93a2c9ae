TITLE Sodium channel of mouse CA1 pyramids as a Markov scheme

COMMENT
Nandi et al. 2022, Cell Rep 40:111176, doi 10.1016/j.celrep.2022.111176;
kinetics from Carter et al. 2012, Neuron 75:1081-1093, doi 10.1016/j.neuron.2012.08.033, at 37 degC, scaled to
the temperature of the simulation with Q10 2.3.

Five closed states, an open one, and the same six inactivated:

    C1 - C2 - C3 - C4 - C5 - O
    |    |    |    |    |    |
    I1 - I2 - I3 - I4 - I5 - I6
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX NaV
    USEION na READ ena WRITE ina
    RANGE gbar, g, ina
    GLOBAL alpha, beta, x1, x2, gamma, delta, Con, Coff, Oon, Ooff, alfac, btfac
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gbar = 0.015 (S/cm2) <0, 1e9>
    alpha = 400 (/ms) : a voltage sensor moves, and back
    beta = 12 (/ms)
    x1 = 24 (mV)
    x2 = -24 (mV)
    gamma = 250 (/ms) : the pore opens, and closes
    delta = 60 (/ms)
    Con = 0.01 (/ms) : closed inactivates, and recovers
    Coff = 40 (/ms)
    Oon = 8 (/ms) : open inactivates, and recovers
    Ooff = 0.05 (/ms)
    alfac = 2.51 : each sensor moved favours inactivation
    btfac = 5.32
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ina (mA/cm2)
    g (S/cm2)
    qt
    on (/ms)
    off (/ms)
}

STATE { C1 C2 C3 C4 C5 O I1 I2 I3 I4 I5 I6 }

INITIAL {
    rates(v)
    SOLVE gating STEADYSTATE sparse
}

BREAKPOINT {
    SOLVE gating METHOD sparse
    g = gbar*O
    ina = g*(v - ena)
}

KINETIC gating {
    rates(v)
    ~ C1 <-> C2 (4*on, off)
    ~ C2 <-> C3 (3*on, 2*off)
    ~ C3 <-> C4 (2*on, 3*off)
    ~ C4 <-> C5 (on, 4*off)
    ~ C5 <-> O (qt*gamma, qt*delta)

    ~ I1 <-> I2 (4*alfac*on, off/btfac)
    ~ I2 <-> I3 (3*alfac*on, 2*off/btfac)
    ~ I3 <-> I4 (2*alfac*on, 3*off/btfac)
    ~ I4 <-> I5 (alfac*on, 4*off/btfac)
    ~ I5 <-> I6 (qt*gamma, qt*delta)

    ~ C1 <-> I1 (qt*Con, qt*Coff)
    ~ C2 <-> I2 (qt*Con*alfac, qt*Coff/btfac)
    ~ C3 <-> I3 (qt*Con*alfac^2, qt*Coff/btfac^2)
    ~ C4 <-> I4 (qt*Con*alfac^3, qt*Coff/btfac^3)
    ~ C5 <-> I5 (qt*Con*alfac^4, qt*Coff/btfac^4)
    ~ O <-> I6 (qt*Oon, qt*Ooff)

    CONSERVE C1 + C2 + C3 + C4 + C5 + O + I1 + I2 + I3 + I4 + I5 + I6 = 1
}

PROCEDURE rates(v (mV)) {
    qt = 2.3^((celsius - 37 (degC))/10 (degC))
    on = qt*alpha*exp(v/x1)
    off = qt*beta*exp(v/x2)
}
