TITLE Rectifying leak of one cation (Goldman-Hodgkin-Katz)

COMMENT
The constant-field current of a monovalent cation with permeability p and fixed concentrations cin inside and
cout outside (by default those of potassium); it reverses where the Nernst equation says, and passes outward current more easily
than inward, as its concentrations differ.

Goldman 1943, J Gen Physiol 27:37-60, doi 10.1085/jgp.27.1.37;
Hodgkin & Katz 1949, J Physiol 108:37-77, doi 10.1113/jphysiol.1949.sp004310.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX leak_ghk
    NONSPECIFIC_CURRENT i
    RANGE p, cin, cout
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (molar) = (1/liter)
    (mM) = (millimolar)
    FARADAY = (faraday) (coulomb)
    R = (k-mole) (joule/degC)
}

PARAMETER {
    p = 1e-6 (cm/s) <0, 1e9>
    cin = 140 (mM) <1e-9, 1e9>
    cout = 5 (mM) <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    celsius (degC)
    i (mA/cm2)
}

BREAKPOINT {
    LOCAL x
    x = (1e-3)*FARADAY*v/(R*(celsius + 273.15 (degC)))
    i = (1e-3)*p*FARADAY*(cin*linoid(-x) - cout*linoid(x))
}

FUNCTION linoid(x) {
    : x/(exp(x) - 1), with its limit at x = 0
    IF (fabs(x) < 1e-6) {
        linoid = 1 - x/2
    } ELSE {
        linoid = x/(exp(x) - 1)
    }
}
