package worldpay

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/money"
)

// doctype begins every message.
const doctype = `<!DOCTYPE paymentService PUBLIC "-//WorldPay//DTD WorldPay PaymentService v1//EN" "http://dtd.worldpay.com/paymentService_v1.dtd">`

// Requests. Elements are in the order of the document type.
type (
	service struct {
		XMLName  xml.Name `xml:"paymentService"`
		Version  string   `xml:"version,attr"`
		Merchant string   `xml:"merchantCode,attr"`
		Submit   *submit  `xml:"submit"`
		Modify   *modify  `xml:"modify"`
		Inquiry  *inquiry `xml:"inquiry"`
	}
	submit struct {
		Order orderRequest `xml:"order"`
	}
	orderRequest struct {
		Code         string   `xml:"orderCode,attr"`
		Installation string   `xml:"installationId,attr,omitempty"`
		Delay        string   `xml:"captureDelay,attr"`
		Description  string   `xml:"description"`
		Amount       amount   `xml:"amount"`
		Content      string   `xml:"orderContent"`
		Include      code     `xml:"paymentMethodMask>include"`
		Shopper      *shopper `xml:"shopper"`
	}
	code struct {
		Code string `xml:"code,attr"`
	}
	shopper struct {
		Email string `xml:"shopperEmailAddress"`
	}
	amount struct {
		Value    string `xml:"value,attr"`
		Currency string `xml:"currencyCode,attr"`
		Exponent string `xml:"exponent,attr"`
		Credit   string `xml:"debitCreditIndicator,attr,omitempty"`
	}
	modify struct {
		Order modification `xml:"orderModification"`
	}
	modification struct {
		Code    string   `xml:"orderCode,attr"`
		Cancel  *empty   `xml:"cancel"`
		Capture *capture `xml:"capture"`
		Refund  *capture `xml:"refund"`
	}
	empty   struct{}
	capture struct {
		Amount amount `xml:"amount"`
	}
	inquiry struct {
		Order struct {
			Code string `xml:"orderCode,attr"`
		} `xml:"orderInquiry"`
	}
)

// reply is an answer, as far as it is read.
type reply struct {
	XMLName xml.Name  `xml:"paymentService"`
	Error   *problem  `xml:"reply>error"`
	Status  *status   `xml:"reply>orderStatus"`
	OK      *received `xml:"reply>ok"`
}

type problem struct {
	Code string `xml:"code,attr"`
	Text string `xml:",chardata"`
}

type received struct {
	Capture *ofOrder `xml:"captureReceived"`
	Refund  *ofOrder `xml:"refundReceived"`
	Cancel  *ofOrder `xml:"cancelReceived"`
}

type ofOrder struct {
	Code string `xml:"orderCode,attr"`
}

type status struct {
	Code      string   `xml:"orderCode,attr"`
	Error     *problem `xml:"error"`
	Reference *struct {
		ID  string `xml:"id,attr"`
		URL string `xml:",chardata"`
	} `xml:"reference"`
	Payment *struct {
		Method string `xml:"paymentMethod"`
		Amount amount `xml:"amount"`
		Event  string `xml:"lastEvent"`
		Return *struct {
			Code string `xml:"code,attr"`
			Text string `xml:"description,attr"`
		} `xml:"ISO8583ReturnCode"`
	} `xml:"payment"`
}

// write writes a message.
func write(s service) (string, error) {
	text, err := xml.Marshal(s)
	return xml.Header + doctype + string(text), err
}

// read reads a message.
func read(body []byte) (*reply, error) {
	d := xml.NewDecoder(strings.NewReader(string(body)))
	d.Strict = true
	r := &reply{}
	if err := d.Decode(r); err != nil {
		return nil, exchange.Unclear("the answer cannot be read")
	}
	return r, nil
}

func toAmount(m money.Money) (amount, error) {
	minor, err := m.Minor()
	if err != nil {
		return amount{}, err
	}
	return amount{Value: strconv.FormatInt(minor, 10), Currency: m.Currency().Code, Exponent: strconv.Itoa(int(m.Currency().Exponent))}, nil
}

// money reads an amount, whose exponent has to be the currency's.
func (a amount) money() (money.Money, error) {
	c, err := money.ISO(a.Currency)
	if err != nil {
		return money.Money{}, err
	}
	minor, err := strconv.ParseInt(a.Value, 10, 64)
	if err != nil || a.Exponent != strconv.Itoa(int(c.Exponent)) {
		return money.Money{}, fmt.Errorf("the amount %.30q with the exponent %.5q cannot be read", a.Value, a.Exponent)
	}
	return money.FromMinor(minor, c), nil
}
