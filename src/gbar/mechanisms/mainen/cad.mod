TITLE Neocortical calcium concentration under the membrane

COMMENT
Calcium that enters fills a shell of depth `depth` and decays to cainf with the time constant taur; an outward current
pumps nothing out. Backward Euler, as the model was published.

Mainen & Sejnowski 1996, Nature 382:363-366, doi 10.1038/382363a0, ModelDB 2488;
after Destexhe, Babloyantz & Sejnowski 1993, Biophys J 65:1538-1552, doi 10.1016/S0006-3495(93)81190-1.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX cad
    USEION ca READ ica, cai WRITE cai
    RANGE ca
    GLOBAL depth, taur, cainf
}

UNITS {
    (mA) = (milliamp)
    (um) = (micron)
    (molar) = (1/liter)
    (mM) = (millimolar)
    FARADAY = (faraday) (coulomb)
}

PARAMETER {
    depth = 0.1 (um) <1e-9, 1e9>
    taur = 200 (ms) <1e-9, 1e9>
    cainf = 1e-4 (mM) <0, 1e9>
}

ASSIGNED {
    ica (mA/cm2)
    cai (mM)
    inflow (mM/ms)
}

STATE { ca (mM) <1e-5> }

INITIAL {
    ca = cainf
    cai = ca
}

BREAKPOINT {
    SOLVE pool METHOD derivimplicit
}

DERIVATIVE pool {
    inflow = -(1e4)*ica/(2*FARADAY*depth)
    IF (inflow < 0) {
        inflow = 0
    }
    ca' = inflow + (cainf - ca)/taur
    cai = ca
}
