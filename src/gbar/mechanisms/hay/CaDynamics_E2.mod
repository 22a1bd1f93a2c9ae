TITLE Calcium concentration under the membrane

COMMENT
Calcium that enters fills a shell of depth `depth` under the membrane; the fraction gamma of it is free, and the
concentration decays to minCai with the time constant decay.
The concentration starts at what the ion has (NEURON's cai0_ca_ion; the initial concentration of the cell in gbar).

Hay et al. 2011, PLoS Comput Biol 7:e1002107, doi 10.1371/journal.pcbi.1002107, ModelDB 139653;
after Destexhe, Babloyantz & Sejnowski 1993, Biophys J 65:1538-1552, doi 10.1016/S0006-3495(93)81190-1.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX CaDynamics_E2
    USEION ca READ ica WRITE cai
    RANGE gamma, decay, minCai, depth
}

UNITS {
    (mA) = (milliamp)
    (um) = (micron)
    (molar) = (1/liter)
    (mM) = (millimolar)
    FARADAY = (faraday) (coulomb)
}

PARAMETER {
    gamma = 0.05 <0, 1e9>
    decay = 80 (ms) <1e-9, 1e9>
    depth = 0.1 (um) <1e-9, 1e9>
    minCai = 1e-4 (mM) <0, 1e9>
}

ASSIGNED {
    ica (mA/cm2)
}

STATE { cai (mM) }

BREAKPOINT {
    SOLVE states METHOD cnexp
}

DERIVATIVE states {
    cai' = -(1e4)*gamma*ica/(2*FARADAY*depth) - (cai - minCai)/decay
}
