package support

import "fmt"

// State is where a ticket stands.
type State string

// The states of tickets.
const (
	StateNew      State = "new"      // nobody has looked at it
	StateOpen     State = "open"     // somebody works on it, or should
	StateWaiting  State = "waiting"  // it was answered and waits for the customer
	StateHold     State = "hold"     // it waits for something else
	StateSolved   State = "solved"   // the seller holds it for done
	StateClosed   State = "closed"   // done
	StateReopened State = "reopened" // it was done, and is not
)

// States lists all states.
func States() []State {
	return []State{StateNew, StateOpen, StateWaiting, StateHold, StateSolved, StateClosed, StateReopened}
}

// Ours reports whether the customer waits for the seller.
func (s State) Ours() bool { return s == StateNew || s == StateOpen || s == StateReopened }

// Done reports whether nobody waits for anything.
func (s State) Done() bool { return s == StateSolved || s == StateClosed }

// Act is something that is done to a ticket and may change its state.
type Act string

// The acts.
const (
	ActTake   Act = "take"   // somebody gets it
	ActAnswer Act = "answer" // the seller writes to the customer
	ActAsk    Act = "ask"    // the customer writes
	ActHold   Act = "hold"
	ActResume Act = "resume" // what it waited for is there
	ActSolve  Act = "solve"
	ActClose  Act = "close"
	ActReopen Act = "reopen"
)

// Acts lists all acts.
func Acts() []Act {
	return []Act{ActTake, ActAnswer, ActAsk, ActHold, ActResume, ActSolve, ActClose, ActReopen}
}

// transitions are the state machine of tickets: what is not in it is refused.
func transitions() map[State]map[Act]State {
	return map[State]map[Act]State{
		StateNew: {
			ActTake: StateOpen, ActAnswer: StateWaiting, ActAsk: StateNew, ActHold: StateHold, ActSolve: StateSolved, ActClose: StateClosed,
		},
		StateOpen: {
			ActTake: StateOpen, ActAnswer: StateWaiting, ActAsk: StateOpen, ActHold: StateHold, ActSolve: StateSolved, ActClose: StateClosed,
		},
		StateWaiting: {
			ActTake: StateWaiting, ActAnswer: StateWaiting, ActAsk: StateOpen, ActHold: StateHold, ActResume: StateOpen,
			ActSolve: StateSolved, ActClose: StateClosed,
		},
		StateHold: {
			ActTake: StateHold, ActAnswer: StateWaiting, ActAsk: StateOpen, ActHold: StateHold, ActResume: StateOpen,
			ActSolve: StateSolved, ActClose: StateClosed,
		},
		StateSolved: {
			ActTake: StateSolved, ActAnswer: StateSolved, ActAsk: StateReopened, ActSolve: StateSolved, ActClose: StateClosed, ActReopen: StateReopened,
		},
		StateClosed: {
			ActAsk: StateReopened, ActClose: StateClosed, ActReopen: StateReopened,
		},
		StateReopened: {
			ActTake: StateReopened, ActAnswer: StateWaiting, ActAsk: StateReopened, ActHold: StateHold, ActSolve: StateSolved, ActClose: StateClosed,
		},
	}
}

// Next returns the state after an act, or [ErrState] if the act is not possible.
func (s State) Next(a Act) (State, error) {
	if next, ok := transitions()[s][a]; ok {
		return next, nil
	}
	return s, fmt.Errorf("%w: %s a ticket that is %s", ErrState, a, s)
}
