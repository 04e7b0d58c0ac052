package authorizenet

import "encoding/xml"

// namespace is that of all elements.
const namespace = "AnetApi/xml/v1/schema/AnetApiSchema.xsd"

// Requests. The interface takes elements in the order of its schema only, which is the order
// of the fields here.
type (
	authentication struct {
		Name string `xml:"name"`
		Key  string `xml:"transactionKey"`
	}
	// head begins every request.
	head struct {
		XMLNS string         `xml:"xmlns,attr"`
		Auth  authentication `xml:"merchantAuthentication"`
	}
	createTransaction struct {
		XMLName xml.Name `xml:"createTransactionRequest"`
		head
		Transaction transactionRequest `xml:"transactionRequest"`
	}
	transactionRequest struct {
		Type       string      `xml:"transactionType"`
		Amount     string      `xml:"amount,omitempty"`
		Currency   string      `xml:"currencyCode,omitempty"`
		Payment    *payment    `xml:"payment"`
		Profile    *profile    `xml:"profile"`
		RefTransID string      `xml:"refTransId,omitempty"`
		Order      *orderType  `xml:"order"`
		Settings   *settingsOf `xml:"transactionSettings"`
	}
	payment struct {
		// Last is the last four digits, which stand for the number in a refund.
		Last       string `xml:"creditCard>cardNumber"`
		Expiration string `xml:"creditCard>expirationDate"`
	}
	profile struct {
		Customer string `xml:"customerProfileId"`
		Payment  string `xml:"paymentProfile>paymentProfileId"`
	}
	orderType struct {
		Invoice     string `xml:"invoiceNumber"`
		Description string `xml:"description,omitempty"`
	}
	settingsOf struct {
		Settings []setting `xml:"setting"`
	}
	setting struct {
		Name  string `xml:"settingName"`
		Value string `xml:"settingValue"`
	}
	getDetails struct {
		XMLName xml.Name `xml:"getTransactionDetailsRequest"`
		head
		TransID string `xml:"transId"`
	}
	getUnsettled struct {
		XMLName xml.Name `xml:"getUnsettledTransactionListRequest"`
		head
		Sorting sorting `xml:"sorting"`
		Paging  paging  `xml:"paging"`
	}
	getBatches struct {
		XMLName xml.Name `xml:"getSettledBatchListRequest"`
		head
		From string `xml:"firstSettlementDate"`
		To   string `xml:"lastSettlementDate"`
	}
	getBatch struct {
		XMLName xml.Name `xml:"getTransactionListRequest"`
		head
		Batch   string  `xml:"batchId"`
		Sorting sorting `xml:"sorting"`
		Paging  paging  `xml:"paging"`
	}
	sorting struct {
		By         string `xml:"orderBy"`
		Descending bool   `xml:"orderDescending"`
	}
	paging struct {
		Limit  int `xml:"limit"`
		Offset int `xml:"offset"`
	}
	createProfile struct {
		XMLName xml.Name `xml:"createCustomerProfileRequest"`
		head
		Customer    string `xml:"profile>merchantCustomerId"`
		Description string `xml:"profile>description,omitempty"`
		Email       string `xml:"profile>email,omitempty"`
	}
	getProfile struct {
		XMLName xml.Name `xml:"getCustomerProfileRequest"`
		head
		ID       string `xml:"customerProfileId,omitempty"`
		Customer string `xml:"merchantCustomerId,omitempty"`
	}
	getPage struct {
		XMLName xml.Name `xml:"getHostedProfilePageRequest"`
		head
		ID       string     `xml:"customerProfileId"`
		Settings settingsOf `xml:"hostedProfileSettings"`
	}
	deletePayment struct {
		XMLName xml.Name `xml:"deleteCustomerPaymentProfileRequest"`
		head
		Customer string `xml:"customerProfileId"`
		Payment  string `xml:"customerPaymentProfileId"`
	}
)

// response is an answer to any request, as far as it is read.
type response struct {
	XMLName  xml.Name
	Result   string    `xml:"messages>resultCode"`
	Messages []message `xml:"messages>message"`

	Transaction *transactionResponse `xml:"transactionResponse"`
	Details     *details             `xml:"transaction"`
	List        []listed             `xml:"transactions>transaction"`
	Total       int                  `xml:"totalNumInResultSet"`
	Batches     []string             `xml:"batchList>batch>batchId"`
	ProfileID   string               `xml:"customerProfileId"`
	Profile     *customerProfile     `xml:"profile"`
	Token       string               `xml:"token"`
}

type message struct {
	Code string `xml:"code"`
	Text string `xml:"text"`
}

type transactionResponse struct {
	Code     string `xml:"responseCode"`
	AuthCode string `xml:"authCode"`
	AVS      string `xml:"avsResultCode"`
	CVV      string `xml:"cvvResultCode"`
	TransID  string `xml:"transId"`
	Account  string `xml:"accountNumber"` // masked
	Type     string `xml:"accountType"`
	Messages []struct {
		Code string `xml:"code"`
	} `xml:"messages>message"`
	Errors []struct {
		Code string `xml:"errorCode"`
		Text string `xml:"errorText"`
	} `xml:"errors>error"`
	Approved string `xml:"prePaidCard>approvedAmount"`
}

// reason is the code of the reason, and its text.
func (t *transactionResponse) reason() (code, text string) {
	switch {
	case len(t.Errors) > 0:
		return t.Errors[0].Code, t.Errors[0].Text
	case len(t.Messages) > 0:
		return t.Messages[0].Code, ""
	}
	return "", ""
}

type details struct {
	TransID string `xml:"transId"`
	Status  string `xml:"transactionStatus"`
	Type    string `xml:"transactionType"`
	Reason  string `xml:"responseReasonCode"`
	Text    string `xml:"responseReasonDescription"`
	Auth    string `xml:"authAmount"`
	Settle  string `xml:"settleAmount"`
	Invoice string `xml:"order>invoiceNumber"`
	Code    string `xml:"authCode"`
	AVS     string `xml:"AVSResponse"`
	CVV     string `xml:"cardCodeResponse"`
	Number  string `xml:"payment>creditCard>cardNumber"` // masked
	Brand   string `xml:"payment>creditCard>cardType"`
}

type listed struct {
	TransID string `xml:"transId"`
	Invoice string `xml:"invoiceNumber"`
}

type customerProfile struct {
	ID       string `xml:"customerProfileId"`
	Merchant string `xml:"merchantCustomerId"`
	Payments []struct {
		ID         string `xml:"customerPaymentProfileId"`
		Number     string `xml:"payment>creditCard>cardNumber"` // masked
		Expiration string `xml:"payment>creditCard>expirationDate"`
		Type       string `xml:"payment>creditCard>cardType"`
	} `xml:"paymentProfiles"`
}
