TITLE Glutamate receptors, dopamine neuron, under irregular or tonic release

COMMENT
Canavier & Landry 2006, J Neurophysiol 96:2549-2563, doi 10.1152/jn.00704.2006, ModelDB 84612;
the random numbers: Wichmann & Hill 1982, J R Stat Soc C 31:188-190, doi 10.2307/2347988.

AMPA receptors are a sodium conductance gampabar and a potassium conductance kna times that. NMDA receptors have the
permeability pbar for sodium and potassium and pca*pbar for calcium (Goldman-Hodgkin-Katz), with activity
coefficients as published, and a magnesium block p that follows the voltage within 1 ms.

Release events come at random, `rate` per ms in the mean, and every place of the cell sees the same ones. In each,
transmitter is there for 1 ms: receptors open with alpha and close with beta, and afterwards close with beta; what events
open adds up. The published model reads that from a file. Here events begin at whole ms: how many (6 at most) is drawn for each ms
from Poisson's distribution, by a generator whose numbers are whole and below 2^24, so that they are the same in single
precision. irregular = 0 holds all receptors at their mean opening.

Calcium inside counts as constant: it is below 1 % of the calcium current, which is a small part.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX glu_da
    USEION na READ nai, ena WRITE ina
    USEION k READ ek WRITE ik
    USEION ca WRITE ica
    RANGE gampabar, pbar, rate, irregular, seed, ina, ik, ica
    GLOBAL kna, pca, mg, kmg, qmg, pmin, nao, ki, ko, cain, cao
}

UNITS {
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
    (molar) = (1/liter)
    (mM) = (millimolar)
    FARADAY = (faraday) (coulomb)
    R = (k-mole) (joule/degC)
}

PARAMETER {
    gampabar = 2.68e-6 (S/cm2) <0, 1e9>
    pbar = 2.3e-7 (cm/s) <0, 1e9>
    rate = 0.4497 (/ms) <0, 2>
    irregular = 1 <0, 1>
    seed = 1 <0, 1e4>
    kna = 1.2574627 <0, 1e9>
    pca = 2.65 <0, 1e9>
    mg = 1.2 (mM) <0, 1e9>
    kmg = 50.7 (mM) <1e-9, 1e9>
    qmg = 9 (mV) <1e-9, 1e9>
    pmin = 0.0225 <0, 1>
    nao = 145 (mM) <1e-9, 1e9>
    ki = 140 (mM) <1e-9, 1e9>
    ko = 2.5 (mM) <1e-9, 1e9>
    cain = 1e-4 (mM) <1e-9, 1e9>
    cao = 2 (mM) <1e-9, 1e9>
}

ASSIGNED {
    v (mV)
    dt (ms)
    celsius (degC)
    nai (mM)
    ena (mV)
    ek (mV)
    ina (mA/cm2)
    ik (mA/cm2)
    ica (mA/cm2)
    amean
    nmean
}

STATE {
    p
    aon
    aoff
    non
    noff
    events
    bin
    r1
    r2
    r3
}

INITIAL {
    amean = rate*opentime(1.1 (/ms), 0.19 (/ms))
    nmean = rate*opentime(0.072 (/ms), 0.0066 (/ms))
    p = pinf(v)
    aon = 0
    aoff = amean
    non = 0
    noff = nmean
    events = 0
    bin = -1e6
    r1 = 10000 + floor(seed)
    r2 = 20000 + floor(seed)
    r3 = 5000 + floor(seed)
}

BREAKPOINT {
    LOCAL a, n, u
    SOLVE release
    a = gampabar*(amean + irregular*(aon + aoff - amean))
    n = (1e-3)*FARADAY*pbar*p*(nmean + irregular*(non + noff - nmean))
    u = (1e-3)*FARADAY*v/(R*(celsius + 273.15 (degC)))
    ina = a*(v - ena) + 0.75*n*(nai*linoid(-u) - nao*linoid(u))
    ik = kna*a*(v - ek) + 0.75*n*(ki*linoid(-u) - ko*linoid(u))
    ica = 2*pca*n*(cain*linoid(-2*u) - 0.3*cao*linoid(2*u))
}

PROCEDURE release() {
    : written as increments, which are accurate in single precision
    LOCAL now, a, n
    now = floor((t - 0.5*dt)/1 (ms))  : of the middle of the step
    a = 0
    n = 0
    IF (now > bin) {
        bin = now
        draw()
        a = aon
        n = non
    }
    aoff = aoff + (a - (aoff + a)*(1 - exp(-0.19 (/ms)*dt)))
    noff = noff + (n - (noff + n)*(1 - exp(-0.0066 (/ms)*dt)))
    aon = opened(aon - a, 1.1 (/ms), 0.19 (/ms))
    non = opened(non - n, 0.072 (/ms), 0.0066 (/ms))
    p = p + (pinf(v) - p)*(1 - exp(-dt/1 (ms)))
}

PROCEDURE draw() {
    LOCAL u, term, below
    r1 = remainder(171*r1, 30269)
    r2 = remainder(172*r2, 30307)
    r3 = remainder(170*r3, 30323)
    u = r1/30269 + r2/30307 + r3/30323
    u = u - floor(u)
    events = 0
    term = exp(-rate*1 (ms))
    below = term
    FROM k = 1 TO 6 {
        IF (u >= below) {
            events = events + 1
        }
        term = term*rate*1 (ms)/k
        below = below + term
    }
}

FUNCTION remainder(n, m) {
    : of whole numbers; n/m may be rounded across a whole number
    LOCAL r
    r = n - m*floor(n/m)
    IF (r < 0) {
        r = r + m
    }
    IF (r >= m) {
        r = r - m
    }
    remainder = r
}

FUNCTION opened(o, a (/ms), b (/ms)) {
    : a step of those that transmitter opens
    opened = o + (events*a/(a + b) - o)*(1 - exp(-(a + b)*dt))
}

FUNCTION opentime(a (/ms), b (/ms)) (ms) {
    : what one event opens, summed over time
    LOCAL rise
    rise = 1 - exp(-(a + b)*1 (ms))
    opentime = a/(a + b)*(1 (ms) - rise/(a + b) + rise/b)
}

FUNCTION pinf(v (mV)) {
    pinf = pmin + (1 - pmin)/(1 + mg/kmg*exp(-v/qmg))
}

FUNCTION linoid(w) {
    : w/(exp(w) - 1), with its limit at w = 0
    IF (fabs(w) < 1e-6) {
        linoid = 1 - w/2
    } ELSE {
        linoid = w/(exp(w) - 1)
    }
}
