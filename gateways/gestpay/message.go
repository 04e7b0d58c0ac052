package gestpay

import (
	"encoding/xml"

	"github.com/tierhost/tierhost/gateways/internal/exchange"
)

// namespace is that of the services' elements.
const namespace = "https://ecomm.sella.it/"

// Requests, within an envelope of SOAP 1.1.
type (
	envelope struct {
		XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		Body    body     `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	body struct {
		Encrypt *encrypt
		Decrypt *decrypt
		Read    *readTrx
	}
	encrypt struct {
		XMLName     xml.Name `xml:"https://ecomm.sella.it/ Encrypt"`
		Shop        string   `xml:"shopLogin"`
		Currency    string   `xml:"uicCode"`
		Amount      string   `xml:"amount"`
		Transaction string   `xml:"shopTransactionId"`
		Email       string   `xml:"buyerEmail,omitempty"`
		Key         string   `xml:"apikey"`
	}
	decrypt struct {
		XMLName xml.Name `xml:"https://ecomm.sella.it/ Decrypt"`
		Shop    string   `xml:"shopLogin"`
		Text    string   `xml:"CryptedString"`
		Key     string   `xml:"apikey"`
	}
	readTrx struct {
		XMLName     xml.Name `xml:"https://ecomm.sella.it/ callReadTrxS2S"`
		Shop        string   `xml:"shopLogin"`
		Transaction string   `xml:"shopTransactionId"`
		Key         string   `xml:"apikey"`
	}
)

// answer is what a service says, as far as it is read. Results are elements within elements
// of the service's own names.
type answer struct {
	Kind        string `xml:"TransactionType"`
	Result      string `xml:"TransactionResult"`
	Crypted     string `xml:"CryptDecryptString"`
	Transaction string `xml:"ShopTransactionID"`
	Bank        string `xml:"BankTransactionID"`
	Auth        string `xml:"AuthorizationCode"`
	Currency    string `xml:"Currency"`
	Amount      string `xml:"Amount"`
	ErrorCode   string `xml:"ErrorCode"`
	ErrorText   string `xml:"ErrorDescription"`
}

type reply struct {
	XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
	Fault   *struct {
		Code string `xml:"faultcode"`
		Text string `xml:"faultstring"`
	} `xml:"Body>Fault"`
	Encrypt *answer `xml:"Body>EncryptResponse>EncryptResult>GestPayCryptDecrypt"`
	Decrypt *answer `xml:"Body>DecryptResponse>DecryptResult>GestPayCryptDecrypt"`
	Read    *answer `xml:"Body>callReadTrxS2SResponse>callReadTrxS2SResult>GestPayS2S"`
}

// read reads the answer of one of the services.
func read(text []byte) (*answer, error) {
	var r reply
	if xml.Unmarshal(text, &r) != nil {
		return nil, exchange.Unclear("the answer cannot be read")
	}
	for _, a := range []*answer{r.Encrypt, r.Decrypt, r.Read} {
		if a != nil {
			return a, nil
		}
	}
	if r.Fault != nil {
		return nil, exchange.Unclear("GestPay has failed: %.60s %.200s", r.Fault.Code, r.Fault.Text)
	}
	return nil, exchange.Unclear("the answer cannot be read")
}
