TITLE Slow inactivating potassium channel of layer 5 pyramids (their delayed rectifier)

COMMENT
Korngreen & Sakmann 2000, J Physiol 525:621-639, doi 10.1111/j.1469-7793.2000.00621.x, measured at 21 degC: two gates a
that open, and inactivation with two time constants, half of the channels by each. Constants as in Almog & Korngreen
2014, doi 10.1523/JNEUROSCI.2896-13.2014, ModelDB 151825. As there, temperature (Q10 2.3) speeds up the opening but for
the constant part of its closing rate, and leaves inactivation as it is at 21 degC.

Two expressions leave the range of what was measured: the closing rate is negative above some 90 mV (21 degC), the
slower time constant below -117 mV. Here neither falls below a small positive number.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX kslow
    USEION k READ ek WRITE ik
    RANGE gbar, gk, ik
    GLOBAL q10
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (pS) = (picosiemens)
    (um) = (micron)
}

PARAMETER {
    gbar = 100 (pS/um2) <0, 1e9>
    q10 = 2.3
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ek (mV)
    ik (mA/cm2)
    gk (pS/um2)
    tadj
    ainf
    atau (ms)
    binf
    btau (ms)
    ctau (ms)
}

STATE { a b c }

INITIAL {
    tadj = q10^((celsius - 21 (degC))/10 (degC))
    rates(v)
    a = ainf
    b = binf
    c = binf
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    gk = gbar*a*a*(b + c)/2
    ik = (1e-4)*gk*(v - ek)
}

DERIVATIVE states {
    rates(v)
    a' = (ainf - a)/atau
    b' = (binf - b)/btau
    c' = (binf - c)/ctau
}

PROCEDURE rates(u (mV)) {
    LOCAL open, close
    open = tadj*linoid(u, 11.1 (mV), 0.0052 (/ms/mV), 13.1 (mV))
    close = tadj*0.01938 (/ms)*exp(-(u + 1.27 (mV))/71 (mV)) - 0.0053 (/ms)
    IF (close < 1e-6 (/ms)) {
        close = 1e-6 (/ms)
    }
    atau = 1/(open + close)
    ainf = open/(open + close)

    binf = 1/(1 + exp((u + 58 (mV))/11 (mV)))
    btau = 360 (ms) + (1010 (ms) + 23.7 (ms/mV)*(u + 54 (mV)))*exp(-((u + 75 (mV))/48 (mV))^2)
    ctau = 2350 (ms) + 1380 (ms)*exp(-0.01118 (/mV)*u) - 210 (ms)*exp(-0.0306 (/mV)*u)
    IF (ctau < 1 (ms)) {
        ctau = 1 (ms)
    }
}

: rate*(u - half)/(1 - exp(-(u - half)/slope))
FUNCTION linoid(u (mV), half (mV), rate (/ms/mV), slope (mV)) (/ms) {
    LOCAL x
    x = (u - half)/slope
    IF (fabs(x) > 1e-6) {
        linoid = rate*slope*x/(1 - exp(-x))
    } ELSE {
        linoid = rate*slope*(1 + x/2)
    }
}
