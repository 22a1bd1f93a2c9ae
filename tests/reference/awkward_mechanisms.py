"""Mechanisms as people write them, with every trap of the language in one of them: name -> the file's bytes."""

from __future__ import annotations

TEXTS = {
    "crlf": r"""TITLE K channel
COMMENT
 café VERBATIM [ ~
ENDCOMMENT
NEURON { SUFFIX crlf
 USEION k READ ek WRITE ik
 RANGE gbar }
UNITS { (mV) = (millivolt) (mA) = (milliamp) }
PARAMETER { gbar = 0.036123456789 (mho/cm2) ek = -77 (mV) celsius = 6.3 (degC) }
ASSIGNED { v (mV) ik (mA/cm2) ninf tau (ms) }
STATE { n }
INITIAL { rates(v) n = ninf }
BREAKPOINT { SOLVE s METHOD cnexp
 ik = gbar*n^4*(v - ek) }
DERIVATIVE s { rates(v) n' = (ninf - n)/tau }
PROCEDURE rates(v (mV)) { LOCAL a, b
 :VERBATIM return 0; ENDVERBATIM
 ? VERBATIM
 a = .01*vtrap(-(v+55), 10) b = .125*exp(-(v+65)/80)
 tau = 1/(a+b) ninf = a/(a+b)
}
FUNCTION vtrap(x, y) { if (fabs(x/y) < 1e-6) { vtrap = y*(1 - x/y/2) } else { vtrap = x/(exp(x/y) - 1) } }
""",
    "barecr": r"""NEURON { SUFFIX barecr : comment
 USEION na READ ena WRITE ina
 NONSPECIFIC_CURRENT i
 RANGE g, e, minf }
PARAMETER { g = 0.0012 (S/cm2) e = -60 (mV) }
ASSIGNED { v (mV) ina (mA/cm2) i minf ena }
BREAKPOINT { minf = m(v)
 ina = g*minf*(v - ena) ? other comment
 i = 0.0003*(v - e)*(1 + 0.1*sin(t)) }
FUNCTION m(v) { m = 1/(1+exp(-(v+30)/7)) }
""",
    "handmade": r"""INDEPENDENT { t FROM 0 TO 1 WITH 1 (ms) }
NEURON { SUFFIX handmade  USEION k READ ek WRITE ik RANGE gk, gkbar, count GLOBAL tadj }
PARAMETER { gkbar = 3 (mS/cm2) count = 5  tau0 = 2 v (mV) dt (ms) }
STATE { n z }
ASSIGNED { ek ik gk ninf nexp tadj }
LOCAL q10, zold
INITIAL { tadj = 2.3^((celsius - 23)/10) q10 = 3 rates(v) n = ninf z = 0 }
BREAKPOINT { SOLVE states
 count = count + 1e-4
 gk = 1e-3*gkbar*n*n*(1 + 1e-3*count)
 ik = gk*(v - ek) }
PROCEDURE states() { rates(v) n = n + nexp*(ninf - n) zold = zold + dt z = z + dt*(n - z)/(10 + zold*0.01)
VERBATIM
return 0;
ENDVERBATIM
}
PROCEDURE rates(v) { TABLE ninf, nexp DEPEND dt, celsius FROM -100 TO 100 WITH 200
 ninf = 1/(1 + exp(-(v+40)/9)) nexp = 1 - exp(-dt*tadj*q10/tau0) }
""",
    "pool": r"""NEURON { SUFFIX pool USEION ca READ ica, cai, eca WRITE ica, cai USEION k READ ek WRITE ik VALENCE 1 }
UNITS { FARADAY = (faraday) (coulomb) (mM) = (milli/liter) (um) = (micron) }
PARAMETER { depth = .1 (um) taur = 20 (ms) cainf = 1e-4 (mM) p = 0.0004 gk = 0.01 }
STATE { cai (mM) m o }
ASSIGNED { v ica eca ek ik drive diam }
INITIAL { cai = cainf m = minf(v) o = oinf(cai) }
BREAKPOINT { SOLVE s METHOD derivimplicit
 ica = p*m*m*(v - eca) ik = gk*o*(v - ek) }
DERIVATIVE s { drive = -10000*ica/(2*FARADAY*depth)*(1 + diam/100)
 IF (drive <= 0) { drive = 0 }
 cai' = drive + (cainf - cai)/taur
 m' = (minf(v) - m)/1.5
 o' = (oinf(cai) - o)/3 }
FUNCTION minf(v) { minf = 1/(1 + exp(-(v+20)/8)) }
FUNCTION oinf(c) { oinf = c/(c + 0.002) }
""",
    "goldman": r"""NEURON { SUFFIX goldman USEION ca READ cai, cao WRITE ica USEION na READ nai, nao, ena WRITE ina
 USEION x READ ix WRITE xi VALENCE 1 }
UNITS { R = (k-mole) (joule/degC) F = (faraday) (kilocoulombs) (molar) = (1/liter) (mM) = (millimolar) }
PARAMETER { pca = 1e-5 (cm/s) pna = 2e-6 cai = 5e-5 cao = 2 }
ASSIGNED { v ica ina nai nao ena xi ix celsius }
STATE { m }
BREAKPOINT { SOLVE s METHOD cnexp
 ica = pca*m*m*ghk(v, cai, cao, 2)
 ina = pna*ghk(v, nai, nao, 1) + 1e-6*(v - ena) }
DERIVATIVE s { LOCAL a a = 1/(1 + exp(-(v+30)/6)) m' = (a - m)/(1 + 4*a) xi = m + 1 }
INITIAL { m = 1/(1 + exp(-(v+30)/6)) xi = 3 }
FUNCTION ghk(v, ci, co, z) { LOCAL q
 q = z*(1e-3)*F*v*1e3/(R*(celsius + 273.15))
 ghk = .001*z*F*1e3*(ci*efun(-q) - co*efun(q)) }
FUNCTION efun(z) { IF (fabs(z) < 1e-4) { efun = 1 - z/2 } ELSE { efun = z/(exp(z) - 1) } }
""",
    "shells": r"""DEFINE N 4
DEFINE M 3
NEURON { SUFFIX shells USEION ca READ cai, cao, ica WRITE cai, ica RANGE p, tot }
UNITS { FARADAY = (faraday) (coulomb) PI = (pi) (1) }
PARAMETER { p = 1e-6 DCa = 0.6 bt = 0.1 kf = 50 kb = 0.1 diam (um) }
ASSIGNED { v ica cai cao vol[N] (1) frat[N] w[3] tot on }
STATE { ca[N] (mM) <1e-6> b[N] cb[N] o c }
LOCAL started
INITIAL { IF (started == 0) { started = 1 geometry() }
 FROM i = 0 TO N-1 { ca[i] = cai  cb[i] = bt*cai/(cai + kb/kf) b[i] = bt - cb[i] }
 c = 1 o = 0 }
BREAKPOINT { SOLVE k METHOD sparse
 ica = p*o*nrn_ghk(v, cai, cao, 2)
 IF (at_time(50)) { on = 1 }
 FROM i = 0 TO M-1 { w[i] = w[i]*0.5 + i } tot = w[0] + w[1] + w[2] }
KINETIC k {
 COMPARTMENT i, diam*diam*vol[i] { ca b cb }
 LONGITUDINAL_DIFFUSION i, DCa*diam*diam*vol[i] { ca }
 ~ ca[0] << (-(ica - 0)*PI*diam/(2*FARADAY)*1e4*(1 + on))
 FROM i = 0 TO N-2 { ~ ca[i] <-> ca[i+1] (DCa*frat[i+1], DCa*frat[i+1]) }
 FROM i = 0 TO N-1 { ~ ca[i] + b[i] <-> cb[i] (kf*diam*diam*vol[i], kb*diam*diam*vol[i]) }
 ~ c <-> o (alpha(v), exp(-(v+30)/20))
 CONSERVE c + o = 1
 cai = ca[0] }
FUNCTION alpha(u) { alpha = exp((u+20)/15)/(1 + exp((u+20)/15)) }
PROCEDURE geometry() { LOCAL r, dr2
 r = 1/2 dr2 = r/(N-1)/2 vol[0] = 0 frat[0] = 2*r
 FROM i = 0 TO N-2 { vol[i] = vol[i] + PI*(r-dr2/2)*2*dr2 r = r - dr2
 frat[i+1] = 2*PI*r/(2*dr2) r = r - dr2 vol[i+1] = PI*(r+dr2/2)*2*dr2 } }
""",
    "own": r"""NEURON { SUFFIX own USEION ca READ cai WRITE ica NONSPECIFIC_CURRENT il RANGE g }
PARAMETER { g = 0.0005 e = -50 k0 = 0.3 }
ASSIGNED { v ica il cai z }
STATE { k x }
INITIAL { x = k + ica }
BREAKPOINT { IF (v > -200) { SOLVE s METHOD cnexp } ica = g*x*(v - 100) il = g*(v - e)*(1 + z) z = z*0.99 + 1e-5*v }
DERIVATIVE s { k' = -k/10 - 1e2*ica - il x' = (1/(1 + exp(-(v+35)/5)) + 20*cai - x)/3 }
""",
    "assigned": r"""NEURON { SUFFIX assigned USEION ca READ ica WRITE cai, cao USEION k READ ki, ko, ek WRITE ik, ki }
PARAMETER { tau = 30 }
ASSIGNED { v ica cai cao ki ko ek ik n }
STATE { c s }
INITIAL { c = 2e-4 cai = c cao = 1.5 s = ki }
BREAKPOINT { SOLVE d METHOD cnexp  ik = 0.0004*(v - ek)*(1 + cai) n = n + 1 }
DERIVATIVE d { c' = (2e-4 + 1e-5*v - c)/tau cai = c cao = 2 - c s' = -ik*1e2 - (s - 54)/100 ki = s }
""",
    "quiet": r"""NEURON { SUFFIX quiet USEION ca READ ica, cai WRITE cai RANGE b, n }
PARAMETER { tau = 30 b = 1e-4 }
ASSIGNED { v ica n }
STATE { c cai }
INITIAL { c = 2e-4 cai = b}
BREAKPOINT { SOLVE d METHOD cnexp  n = n + 1 c = c + 1e-9*n*v }
DERIVATIVE d { c' = (2e-4 + 1e-5*v - c)/tau cai' = (b - cai)/tau + 1e-6*c}
""",
    "stated": r"""NEURON { SUFFIX stated USEION k READ ek WRITE ik NONSPECIFIC_CURRENT i RANGE g }
PARAMETER { g = 0.001 }
ASSIGNED { v ek ik i z }
STATE { m }
BREAKPOINT { LOCAL gg
 SOLVE s METHOD cnexp
 CONDUCTANCE gg USEION k
 gg = g*m z = z*0.99 + 0.01*v
 ik = gg*(v - ek) i = 3e-4*(v+60) + 1e-5*z }
DERIVATIVE s { m' = (1/(1+exp(-(v+40)/5)) - m)/3 }
INITIAL { m = 0 }
""",
}

# line ends, character set
BYTES = {name: text.encode("utf-8") for name, text in TEXTS.items()} | {
    "crlf": TEXTS["crlf"].replace("\n", "\r\n").encode("latin-1"),
    "barecr": TEXTS["barecr"].replace("\n", "\r").encode("ascii"),
}
