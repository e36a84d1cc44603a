; The lease inequality (Specs/protocol.md, "Lease arithmetic"), for any SMT-LIB 2 solver with nonlinear real arithmetic.
;
; s      true time at which the round was sent        v      true time at which the voter promised
; h, w   rates of the holder's and the voter's clock  d, rho, epsilon   as in the configuration
; lag    true time from the gate's deadline to the closed gate
; closes, opens   true times at which the holder's gate is closed, and at which the voter may vote for another
;
; Each query asks for an overlap: opens < closes. `unsat` is a proof that there is none.
(set-option :print-success false)
(set-logic QF_NRA)
(declare-const s Real) (declare-const v Real) (declare-const h Real) (declare-const w Real)
(declare-const d Real) (declare-const rho Real) (declare-const epsilon Real) (declare-const lag Real)
(declare-const lease Real) (declare-const received Real) (declare-const pause Real)
(declare-const closes Real) (declare-const opens Real)
(assert (and (> d 0) (>= s 0) (>= rho 0) (<= rho 0.5) (>= epsilon 0)))
(assert (and (>= h (- 1 rho)) (<= h (+ 1 rho)) (>= w (- 1 rho)) (<= w (+ 1 rho))))
(assert (and (>= lag 0) (<= lag epsilon)))
(assert (and (>= v s) (>= received v) (>= pause 0)))
; The voter counts D on its own clock from its promise.
(assert (>= (* (- opens v) w) d))
(assert (< opens closes))
(define-fun right () Real (* (- 1 rho) (- (/ d (+ 1 rho)) epsilon)))

(echo "the rule: unsat")
(push)
(assert (and (= lease right) (> lease 0)))
(assert (<= (* (- closes lag s) h) lease))
(check-sat)
(pop)

(echo "without epsilon: sat")
(push)
(assert (= lease (* (- 1 rho) (/ d (+ 1 rho)))))
(assert (<= (* (- closes lag s) h) lease))
(check-sat)
(pop)

(echo "without the voter's rate: sat")
(push)
(assert (and (= lease (* (- 1 rho) (- d epsilon))) (> lease 0)))
(assert (<= (* (- closes lag s) h) lease))
(check-sat)
(pop)

(echo "without the holder's rate: sat")
(push)
(assert (and (= lease (- (/ d (+ 1 rho)) epsilon)) (> lease 0)))
(assert (<= (* (- closes lag s) h) lease))
(check-sat)
(pop)

(echo "counted from the answer's arrival: sat")
(push)
(assert (and (= lease right) (> lease 0)))
(assert (<= (* (- closes lag received) h) lease))
(check-sat)
(pop)

(echo "gate armed by what is left, after a pause: sat")
(push)
(assert (and (= lease right) (> lease 0)))
(assert (<= (* (- closes lag pause s) h) lease))
(check-sat)
(pop)

(echo "clocks beyond rho: sat")
(push)
(declare-const beyond Real)
(assert (and (= lease right) (> lease 0) (> beyond rho) (< beyond 1)))
(declare-const slow Real)
(assert (= slow (- 1 beyond)))
(assert (<= (* (- closes lag s) slow) lease))
(check-sat)
(pop)
