TITLE Calcium concentration in the whole cross-section

COMMENT
Calcium that enters fills the whole volume of the segment (a cylinder: its membrane is 4/diam of its volume); the
fraction gamma of it is free, and the concentration decays to minCai with the time constant decay. It starts at minCai.

Reva et al. 2023, Patterns 4:100855, doi 10.1016/j.patter.2023.100855;
gamma and decay after Helmchen, Imoto & Sakmann 1996, Biophys J 70:1069-1081, doi 10.1016/S0006-3495(96)79653-4,
minCai after Sabatini, Oertner & Svoboda 2002, Neuron 33:439-452, doi 10.1016/S0896-6273(02)00573-1.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX CaDynamics_DC0
    USEION ca READ ica WRITE cai
    RANGE gamma, decay, minCai
}

UNITS {
    (mA) = (milliamp)
    (um) = (micron)
    (molar) = (1/liter)
    (mM) = (millimolar)
    FARADAY = (faraday) (coulomb)
}

PARAMETER {
    gamma = 0.01 <0, 1e9>
    decay = 70 (ms) <1e-9, 1e9>
    minCai = 6.5e-5 (mM) <0, 1e9>
}

ASSIGNED {
    ica (mA/cm2)
    diam (um)
}

STATE { cai (mM) }

INITIAL {
    cai = minCai
}

BREAKPOINT {
    SOLVE states METHOD cnexp
}

DERIVATIVE states {
    cai' = -(1e4)*gamma*ica*(4/diam)/(2*FARADAY) - (cai - minCai)/decay
}
