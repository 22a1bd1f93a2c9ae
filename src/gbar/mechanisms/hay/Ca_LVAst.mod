TITLE Low-voltage-activated calcium channel

COMMENT
Hay et al. 2011, PLoS Comput Biol 7:e1002107, doi 10.1371/journal.pcbi.1002107, ModelDB 139653;
steady states from Avery & Johnston 1996, J Neurosci 16:5567-5582, doi 10.1523/JNEUROSCI.16-18-05567.1996,
time constants from Randall & Tsien 1997, Neuropharmacology 36:879-893, doi 10.1016/S0028-3908(97)00086-5;
10 mV more negative for the liquid junction potential.
Rates measured at 21 degC, scaled to 34 degC with Q10 2.3 whatever the temperature of the simulation.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX Ca_LVAst
    USEION ca READ eca WRITE ica
    RANGE gCa_LVAstbar, gCa_LVAst, ica
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}

PARAMETER {
    gCa_LVAstbar = 1e-5 (S/cm2) <0, 1e9>
}

ASSIGNED {
    v (mV)
    eca (mV)
    ica (mA/cm2)
    gCa_LVAst (S/cm2)
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
    gCa_LVAst = gCa_LVAstbar*m*m*h
    ica = gCa_LVAst*(v - eca)
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

    minf = 1/(1 + exp(-(u + 30 (mV))/6 (mV)))
    mtau = (5 (ms) + 20 (ms)/(1 + exp((u + 25 (mV))/5 (mV))))/qt

    hinf = 1/(1 + exp((u + 80 (mV))/6.4 (mV)))
    htau = (20 (ms) + 50 (ms)/(1 + exp((u + 40 (mV))/7 (mV))))/qt
}
